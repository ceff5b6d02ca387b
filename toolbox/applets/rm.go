package applets

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"wasmlet.dev/toolbox/program"
)

// rm removes files, and with -r directories with all in them. Nothing is asked.
func rm(process *program.Process) int {
	options, names, err := process.Parse("dfiRrv", "recursive=r", "force=f", "verbose=v")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 && !options.Has("f") {
		return usageOf(process)
	}
	status := 0
	for _, name := range names {
		if base := path.Base(name); base == "." || base == ".." || name == "/" {
			status = process.Fail("can't remove '.' or '..' or '/'")
			continue
		}
		err := remove(process.Path(name), options.Has("rR"))
		if err != nil && !(options.Has("f") && errors.Is(err, fs.ErrNotExist)) {
			status = process.Fail("can't remove '%s': %s", name, program.Reason(err))
		} else if err == nil && options.Has("v") {
			process.Printf("removed '%s'\n", name)
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
