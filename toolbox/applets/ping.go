package applets

import (
	"fmt"

	"wasmlet.dev/toolbox/program"
)

// ping needs a raw socket, which a WebAssembly program never has.
func ping(process *program.Process) int {
	_, words, err := process.Parse("46c:qW:w:")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return process.Fail("which host?")
	}
	process.Printf("PING %s (%s): 56 data bytes\n", words[0], words[0])
	fmt.Fprintf(process.Stderr, "%s: permission denied (WebAssembly has no raw sockets)\n", process.Name())
	return 1
}
