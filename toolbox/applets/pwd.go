package applets

import "wasmlet.dev/toolbox/program"

func pwd(process *program.Process) int {
	process.Printf("%s\n", process.Dir)
	return 0
}
