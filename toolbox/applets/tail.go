package applets

import (
	"bufio"
	"io"
	"os"
	"slices"

	"wasmlet.dev/toolbox/program"
)

// tail prints the last lines (-n) or bytes (-c), or those from a number on that has a plus; with -f also what is added later.
func tail(process *program.Process) int {
	return part(process, func(input io.Reader, amount amount) error {
		err := printEnd(process.Stdout, input, amount)
		for err == nil && amount.follows {
			if status := sleepFor(process.Context, amount.pause); status != 0 {
				program.Exit(status)
			}
			startAnew(input)
			_, err = io.Copy(process.Stdout, input)
		}
		return err
	})
}

// startAnew goes to the beginning of a file that has been cut off meanwhile.
func startAnew(input io.Reader) {
	file, isFile := program.Bare(input).(*os.File)
	if !isFile {
		return
	}
	place, err := file.Seek(0, io.SeekCurrent)
	if info, failed := file.Stat(); err == nil && failed == nil && info.Size() < place {
		file.Seek(0, io.SeekStart)
	}
}

func printEnd(output io.Writer, input io.Reader, amount amount) error {
	if amount.sign == '+' {
		return printFrom(output, input, amount)
	}
	text, err := lastOf(input, int(amount.count), amount.ofBytes)
	output.Write(text)
	return err
}

// printFrom prints from a line or byte on; the first is number 1.
func printFrom(output io.Writer, input io.Reader, amount amount) error {
	skipped := max(0, amount.count-1)
	if amount.ofBytes {
		if _, err := io.CopyN(io.Discard, input, skipped); err != nil {
			return ignoreEnd(err)
		}
		_, err := io.Copy(output, input)
		return err
	}
	reader := bufio.NewReaderSize(input, 64<<10)
	for ; skipped > 0; skipped-- {
		if _, err := reader.ReadSlice('\n'); err == bufio.ErrBufferFull {
			skipped++
		} else if err != nil {
			return ignoreEnd(err)
		}
	}
	_, err := io.Copy(output, reader)
	return err
}

func lastOf(input io.Reader, count int, ofBytes bool) ([]byte, error) {
	if ofBytes {
		return lastBytes(input, count)
	}
	var kept [][]byte
	lines := bufio.NewReader(input)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			kept = append(kept, line)
			kept = kept[max(0, len(kept)-count):]
		}
		if err != nil {
			return slices.Concat(kept...), ignoreEnd(err)
		}
	}
}

func lastBytes(input io.Reader, count int) ([]byte, error) {
	var kept []byte
	block := make([]byte, 32<<10)
	for {
		length, err := input.Read(block)
		kept = append(kept, block[:length]...)
		if surplus := len(kept) - count; surplus > 0 {
			kept = append(kept[:0], kept[surplus:]...)
		}
		if err != nil {
			return kept, ignoreEnd(err)
		}
	}
}
