package applets

import (
	"os"

	"wasmlet.dev/toolbox/program"
)

// chmod says that there is no such thing: WASI files have no mode.
func chmod(process *program.Process) int {
	if len(process.Args) < 3 {
		return process.Fail("which mode of which file?")
	}
	status := 0
	for _, name := range process.Args[2:] {
		reason := "Operation not permitted: WASI files have no mode"
		if _, err := os.Lstat(process.Path(name)); err != nil {
			reason = program.Reason(err)
		}
		status = process.Fail("%s: %s", name, reason)
	}
	return status
}
