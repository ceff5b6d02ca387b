package applets

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// split cuts an input into files of so many lines (-l, 1000) or bytes (-b), which are called xaa, xab and so on.
func split(process *program.Process) int {
	options, operands, err := process.Parse("a:b:l:", "suffix-length=a", "bytes=b", "lines=l")
	if err != nil {
		return badUsage(process, err)
	}
	letters, wrongLetters := strconv.Atoi(options.Or('a', "2"))
	most, wrongSize := sizeOf(options.Or('b', options.Or('l', "1000")))
	if wrongLetters != nil || letters < 1 || wrongSize != nil || most < 1 || len(operands) > 2 {
		return usageOf(process)
	}
	prefix := "x"
	if len(operands) == 2 {
		prefix, operands = operands[1], operands[:1]
	}
	cut := &cutter{process: process, prefix: prefix, letters: letters, most: most, bytes: options.Has("b")}
	status := eachInput(process, operands, func(_ string, input io.Reader) error { return cut.all(bufio.NewReader(input)) })
	return max(status, cut.status)
}

var units = map[byte]int64{'b': 512, 'k': 1 << 10, 'm': 1 << 20}

func sizeOf(text string) (int64, error) {
	factor := int64(1)
	if length := len(text); length > 1 && units[text[length-1]] > 0 {
		factor, text = units[text[length-1]], text[:length-1]
	}
	size, err := strconv.ParseInt(text, 10, 32)
	return size * factor, err
}

type cutter struct {
	process *program.Process
	prefix  string
	letters int
	most    int64
	bytes   bool
	made    int
	status  int // of the files that it makes
}

func (c *cutter) all(input *bufio.Reader) error {
	for {
		if _, err := input.Peek(1); err != nil {
			return ignoreEnd(err)
		}
		name, err := c.name()
		if err != nil {
			return err
		}
		if err := c.file(name, input); err != nil {
			c.status = c.process.FailAt(name, err)
			return nil
		}
	}
}

func (c *cutter) file(name string, input *bufio.Reader) error {
	file, err := c.process.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	err = c.part(file, input)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// name of the next file: its number, in letters.
func (c *cutter) name() (string, error) {
	letters, rest := "", c.made
	for range c.letters {
		letters = string(rune('a'+rest%26)) + letters
		rest /= 26
	}
	if c.made++; rest > 0 {
		return "", errors.New("there are no more names of that length: give a longer one by -a")
	}
	return c.prefix + letters, nil
}

func (c *cutter) part(file io.Writer, input *bufio.Reader) error {
	if c.bytes {
		_, err := io.CopyN(file, input, c.most)
		return ignoreEnd(err)
	}
	output := bufio.NewWriter(file)
	for range c.most {
		line, err := input.ReadString('\n')
		output.WriteString(line)
		if err != nil {
			output.Flush()
			return ignoreEnd(err)
		}
	}
	return output.Flush()
}
