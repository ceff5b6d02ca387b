package applets

import (
	"bufio"
	"io"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// eachLine calls for each line, without its end.
func eachLine(input io.Reader, use func(line string) error) error {
	return eachPart(input, '\n', use)
}

func eachPart(input io.Reader, end byte, use func(part string) error) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	for {
		part, err := reader.ReadString(end)
		if part == "" && err != nil {
			return ignoreEnd(err)
		}
		if failed := use(strings.TrimSuffix(part, string(end))); failed != nil {
			return failed
		}
		if err != nil {
			return ignoreEnd(err)
		}
	}
}

// eachWholeLine hands over lines with their ends: the last one may have none.
func eachWholeLine(process *program.Process, names []string, print func(output *bufio.Writer, line string)) int {
	output := buffered(process)
	defer output.Flush()
	return eachInput(process, names, func(_ string, input io.Reader) error {
		reader := bufio.NewReaderSize(input, 64<<10)
		for {
			line, err := reader.ReadString('\n')
			print(output, line)
			if err != nil {
				return ignoreEnd(err)
			}
			program.Yield(process.Context)
		}
	})
}

// buffered is the standard output for a command that writes in small parts. It has to be flushed.
func buffered(process *program.Process) *bufio.Writer {
	return bufio.NewWriterSize(process.Stdout, 32<<10)
}
