package applets

import (
	"bufio"
	"io"
	"slices"
	"time"

	"wasmlet.dev/toolbox/program"
)

const lookInterval = time.Second

// tail prints the last lines (-n) or bytes (-c), with -f also what is added later.
func tail(process *program.Process) int {
	follows := slices.Contains(process.Args, "-f")
	return part(process, func(input io.Reader, count int, ofBytes bool) error {
		text, err := lastOf(input, count, ofBytes)
		process.Stdout.Write(text)
		for err == nil && follows && process.Context.Err() == nil {
			time.Sleep(lookInterval)
			_, err = io.Copy(process.Stdout, input)
		}
		return err
	})
}

func lastOf(input io.Reader, count int, ofBytes bool) ([]byte, error) {
	if ofBytes {
		content, err := io.ReadAll(input)
		return content[max(0, len(content)-count):], err
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
