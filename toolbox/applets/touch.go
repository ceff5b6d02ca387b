package applets

import (
	"os"
	"time"

	"wasmlet.dev/toolbox/program"
)

func touch(process *program.Process) int {
	options, names, err := process.Parse("acm")
	if err != nil {
		return badUsage(process, err)
	}
	status := 0
	for _, name := range names {
		if err := touchOne(process.Path(name), !options.Has("c")); err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func touchOne(path string, makes bool) error {
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if !os.IsNotExist(err) {
		return err
	}
	if !makes {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return file.Close()
}
