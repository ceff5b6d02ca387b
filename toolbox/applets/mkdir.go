package applets

import (
	"os"

	"wasmlet.dev/toolbox/program"
)

func mkdir(process *program.Process) int {
	options, names, err := process.Parse("m:p")
	if err != nil {
		return badUsage(process, err)
	}
	make := os.Mkdir
	if options.Has("p") {
		make = os.MkdirAll
	}
	status := 0
	for _, name := range names {
		if err := make(process.Path(name), 0o777); err != nil {
			status = process.Fail("can't create directory '%s': %s", name, program.Reason(err))
		}
	}
	return status
}

func rmdir(process *program.Process) int {
	status := 0
	for _, name := range process.Args[1:] {
		info, err := os.Lstat(process.Path(name))
		if err == nil && !info.IsDir() {
			err = errNotDirectory
		}
		if err == nil {
			err = os.Remove(process.Path(name))
		}
		if err != nil {
			status = process.Fail("'%s': %s", name, program.Reason(err))
		}
	}
	return status
}
