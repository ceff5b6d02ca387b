package applets

import (
	"errors"
	"io/fs"
	"os"

	"wasmlet.dev/toolbox/program"
)

func rm(process *program.Process) int {
	options, names, err := process.Parse("fiRr")
	if err != nil {
		return badUsage(process, err)
	}
	status := 0
	for _, name := range names {
		err := remove(process.Path(name), options.Has("rR"))
		if err != nil && !(options.Has("f") && errors.Is(err, fs.ErrNotExist)) {
			status = process.Fail("can't remove '%s': %s", name, program.Reason(err))
		}
	}
	return status
}

func remove(path string, recursive bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Remove(path)
	}
	if !recursive {
		return errIsDirectory
	}
	return os.RemoveAll(path)
}
