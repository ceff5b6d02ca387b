package applets

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// head prints the first lines (-n) or bytes (-c).
func head(process *program.Process) int {
	return part(process, func(input io.Reader, count int, ofBytes bool) error {
		if ofBytes {
			_, err := io.CopyN(process.Stdout, input, int64(count))
			return ignoreEnd(err)
		}
		lines := bufio.NewReader(input)
		for range count {
			line, err := lines.ReadString('\n')
			io.WriteString(process.Stdout, line)
			if err != nil {
				return ignoreEnd(err)
			}
		}
		return nil
	})
}

func ignoreEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// part is what head and tail have in common.
func part(process *program.Process, print func(input io.Reader, count int, ofBytes bool) error) int {
	process.Args = withoutShortForm(process.Args)
	options, names, err := process.Parse("n:c:fq")
	if err != nil {
		return badUsage(process, err)
	}
	text, ofBytes := options['c']
	if !ofBytes {
		text = "10"
		if value, given := options['n']; given {
			text = value
		}
	}
	count, err := strconv.Atoi(strings.TrimPrefix(text, "-"))
	if err != nil {
		return badUsage(process, fmt.Errorf("invalid number '%s'", text))
	}
	return eachInput(process, names, func(name string, input io.Reader) error {
		if len(names) > 1 && !options.Has("q") {
			process.Printf("==> %s <==\n", name)
		}
		return print(input, count, ofBytes)
	})
}

// withoutShortForm turns -5 into -n 5.
func withoutShortForm(args []string) []string {
	if len(args) > 1 && len(args[1]) > 1 && args[1][0] == '-' {
		if _, err := strconv.Atoi(args[1][1:]); err == nil {
			return append([]string{args[0], "-n", args[1][1:]}, args[2:]...)
		}
	}
	return args
}
