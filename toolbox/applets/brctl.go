package applets

import "wasmlet.dev/toolbox/program"

// brctl can do nothing: a bridge is made by an ioctl on a socket.
func brctl(process *program.Process) int {
	if len(process.Args) < 2 {
		return process.Fail("which command?")
	}
	return process.Fail("%s: Operation not permitted: WebAssembly cannot change network devices", process.Args[1])
}
