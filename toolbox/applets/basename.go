package applets

import (
	"path"
	"strings"

	"wasmlet.dev/toolbox/program"
)

func basename(process *program.Process) int {
	if len(process.Args) < 2 {
		return process.Fail("which path?")
	}
	name := path.Base(process.Args[1])
	if len(process.Args) > 2 && name != process.Args[2] {
		name = strings.TrimSuffix(name, process.Args[2])
	}
	process.Printf("%s\n", name)
	return 0
}

func dirname(process *program.Process) int {
	if len(process.Args) < 2 {
		return process.Fail("which path?")
	}
	process.Printf("%s\n", path.Dir(strings.TrimRight(process.Args[1], "/")))
	return 0
}
