package applets

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

// head prints the first lines (-n) or bytes (-c), or with a minus before the number all but the last.
func head(process *program.Process) int {
	return part(process, func(input io.Reader, amount amount) error {
		switch {
		case amount.ofBytes && amount.sign == '-':
			return allButBytes(process.Stdout, input, int(amount.count))
		case amount.sign == '-':
			return allButLines(process.Stdout, input, int(amount.count))
		case amount.ofBytes:
			_, err := io.CopyN(process.Stdout, input, amount.count)
			return ignoreEnd(err)
		}
		return firstLines(process.Stdout, input, amount.count)
	})
}

// firstLines reads no more than there is need for, where the input can be moved back.
func firstLines(output io.Writer, input io.Reader, count int64) error {
	lines := bufio.NewReader(input)
	for ; count > 0; count-- {
		line, err := lines.ReadString('\n')
		io.WriteString(output, line)
		if err != nil {
			return ignoreEnd(err)
		}
	}
	if file, isFile := program.Bare(input).(io.Seeker); isFile {
		file.Seek(-int64(lines.Buffered()), io.SeekCurrent) // a pipe cannot be moved back
	}
	return nil
}

func allButLines(output io.Writer, input io.Reader, count int) error {
	var kept []string
	return eachLine(input, func(line string) error {
		kept = append(kept, line)
		if len(kept) > count {
			io.WriteString(output, kept[0]+"\n")
			kept = kept[1:]
		}
		return nil
	})
}

func allButBytes(output io.Writer, input io.Reader, count int) error {
	var kept []byte
	block := make([]byte, 32<<10)
	for {
		length, err := input.Read(block)
		kept = append(kept, block[:length]...)
		if surplus := len(kept) - count; surplus > 0 {
			output.Write(kept[:surplus])
			kept = append(kept[:0], kept[surplus:]...)
		}
		if err != nil {
			return ignoreEnd(err)
		}
	}
}

func ignoreEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// amount is how much to print. A sign says from which end it is counted.
type amount struct {
	count   int64
	sign    byte // '+', '-' or 0
	ofBytes bool
	follows bool
	pause   time.Duration
}

// part is what head and tail have in common.
func part(process *program.Process, print func(input io.Reader, amount amount) error) int {
	process.Args = withoutShortForm(process.Args)
	options, names, err := process.Parse("n:c:fFqrs:v", "lines=n", "bytes=c", "follow=f", "quiet=q", "verbose=v")
	if err != nil {
		return badUsage(process, err)
	}
	text, ofBytes := options['c']
	if !ofBytes {
		text = options.Or('n', "10")
	}
	wanted := amount{ofBytes: ofBytes, follows: options.Has("fF"), pause: time.Second}
	if text != "" && (text[0] == '+' || text[0] == '-') {
		wanted.sign = text[0]
	}
	if wanted.count, err = size(strings.TrimLeft(text, "+-")); err != nil {
		return badUsage(process, fmt.Errorf("invalid number '%s'", text))
	}
	if text, given := options['s']; given {
		if wanted.pause, err = duration(text); err != nil {
			return badUsage(process, err)
		}
	}
	printed := false
	return eachInput(process, names, func(name string, input io.Reader) error {
		if (len(names) > 1 || options.Has("v")) && !options.Has("q") {
			if printed {
				process.Printf("\n")
			}
			process.Printf("==> %s <==\n", strings.Replace(name, "-", "standard input", map[bool]int{true: 1}[name == "-"]))
		}
		printed = true
		return print(input, wanted)
	})
}

// withoutShortForm turns -5 into -n 5, and -c+5, +5 likewise.
func withoutShortForm(args []string) []string {
	if len(args) > 1 && len(args[1]) > 1 && (args[1][0] == '-' || args[1][0] == '+') {
		if number, err := strconv.ParseInt(args[1][1:], 10, 64); err == nil && number <= math.MaxInt {
			return append([]string{args[0], "-n", strings.TrimPrefix(args[1], "-")}, args[2:]...)
		}
	}
	return args
}
