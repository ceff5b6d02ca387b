package applets

import (
	"os"

	"wasmlet.dev/toolbox/program"
)

// mount prints the mounts, where the runtime shows them. It can make none.
func mount(process *program.Process) int {
	if len(process.Args) > 1 {
		return process.Fail("Operation not permitted: WebAssembly cannot mount; name the volume in the pod")
	}
	content, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return process.FailAt("/proc/mounts", err)
	}
	process.Stdout.Write(content)
	return 0
}
