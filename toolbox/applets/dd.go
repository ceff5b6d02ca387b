package applets

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type ddPlan struct {
	input, output     string
	block, count      int64
	skip, seek        int64
	keepsOutput, mute bool
}

// dd copies in blocks of bs bytes. It takes the memory for a block before it copies anything.
func dd(process *program.Process) int {
	plan, err := ddOperands(process.Args[1:])
	if err != nil {
		return process.Fail("%s", err)
	}
	input, output, err := plan.open(process)
	if err != nil {
		return process.Fail("%s", err)
	}
	defer input.Close()
	defer output.Close()
	records, partial, copied, err := plan.copy(program.Input{Reader: input, Context: process.Context}, output)
	if !plan.mute {
		fmt.Fprintf(process.Stderr, "%d+%d records in\n%d+%d records out\n", records, partial, records, partial)
		fmt.Fprintf(process.Stderr, "%d bytes copied\n", copied)
	}
	if err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	return 0
}

func ddOperands(operands []string) (ddPlan, error) {
	plan := ddPlan{block: 512, count: math.MaxInt64}
	numbers := map[string]*int64{"bs": &plan.block, "count": &plan.count, "skip": &plan.skip, "seek": &plan.seek}
	for _, operand := range operands {
		name, value, _ := strings.Cut(operand, "=")
		var err error
		switch name {
		case "if":
			plan.input = value
		case "of":
			plan.output = value
		case "conv":
			plan.keepsOutput = strings.Contains(value, "notrunc")
		case "status":
			plan.mute = value == "none"
		default:
			number := numbers[name]
			if number == nil {
				return plan, fmt.Errorf("unrecognized operand '%s'", operand)
			}
			*number, err = size(value)
		}
		if err != nil {
			return plan, err
		}
	}
	if plan.block < 1 || plan.block > math.MaxInt32 {
		return plan, fmt.Errorf("bs=%d: a block has 1 to %d bytes", plan.block, math.MaxInt32)
	}
	return plan, nil
}

// size is a number with a factor behind it, as in 20M.
func size(text string) (int64, error) {
	factors := map[string]int64{"": 1, "c": 1, "w": 2, "b": 512, "kB": 1e3, "k": 1 << 10, "K": 1 << 10, "MB": 1e6,
		"M": 1 << 20, "GB": 1e9, "G": 1 << 30}
	digits := strings.TrimRight(text, "cwbkKMGB")
	factor, known := factors[text[len(digits):]]
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || number < 0 {
		return 0, fmt.Errorf("invalid number '%s'", text)
	}
	return number * factor, nil
}

func (plan *ddPlan) open(process *program.Process) (input, output program.File, err error) {
	input, output = standardFile{process.Stdin, nil}, standardFile{nil, process.Stdout}
	if plan.input != "" {
		if input, err = process.Open(plan.input, os.O_RDONLY); err != nil {
			return nil, nil, fmt.Errorf("can't open '%s': %s", plan.input, program.Reason(err))
		}
	}
	if plan.output != "" {
		flags := os.O_WRONLY | os.O_CREATE
		if !plan.keepsOutput && plan.seek == 0 {
			flags |= os.O_TRUNC
		}
		if output, err = process.Open(plan.output, flags); err != nil {
			input.Close()
			return nil, nil, fmt.Errorf("can't open '%s': %s", plan.output, program.Reason(err))
		}
	}
	return input, output, nil
}

type standardFile struct {
	io.Reader
	io.Writer
}

func (standardFile) Close() error { return nil }

func (plan *ddPlan) copy(input io.Reader, output io.Writer) (records, partial, copied int64, err error) {
	block := make([]byte, plan.block)
	for page := 0; page < len(block); page += 4096 {
		block[page] = 1 // memory that is only reserved costs nothing, and so says nothing
	}
	if err := plan.position(input, output, block); err != nil {
		return 0, 0, 0, err
	}
	for records+partial < plan.count {
		length, err := input.Read(block)
		if length > 0 {
			if _, err := output.Write(block[:length]); err != nil {
				return records, partial, copied, err
			}
			copied += int64(length)
			if length == len(block) {
				records++
			} else {
				partial++
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return records, partial, copied, err
		}
	}
	return records, partial, copied, nil
}

func (plan *ddPlan) position(input io.Reader, output io.Writer, block []byte) error {
	for range plan.skip {
		if _, err := io.ReadFull(input, block); err != nil {
			return nil // nothing is left to copy
		}
	}
	if plan.seek == 0 {
		return nil
	}
	file, isFile := output.(io.Seeker)
	if !isFile {
		return errors.New("seek: the output is no file")
	}
	_, err := file.Seek(plan.seek*plan.block, io.SeekStart)
	return err
}
