package applets

import (
	"io"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// yes repeats its words until nobody reads them.
func yes(process *program.Process) int {
	line := "y\n"
	if len(process.Args) > 1 {
		line = strings.Join(process.Args[1:], " ") + "\n"
	}
	block := strings.Repeat(line, max(1, 8192/len(line)))
	for process.Context.Err() == nil {
		if _, err := io.WriteString(process.Stdout, block); err != nil {
			return process.Fail("%s", program.Reason(err))
		}
	}
	return program.EndedBy(process.Context)
}
