package applets

import (
	"os"
	"path"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

func mkdir(process *program.Process) int {
	options, names, err := process.Parse("m:pv", "parents=p", "mode=m", "verbose=v")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	change := func(mode uint64, _ bool) uint64 { return mode }
	if text, given := options['m']; given {
		if change, err = readMode(text); err != nil {
			return process.Fail("%s", err)
		}
	}
	make := os.Mkdir
	if options.Has("p") {
		make = os.MkdirAll
	}
	status := 0
	for _, name := range names {
		if err := make(process.Path(name), 0o777); err != nil {
			status = process.Fail("can't create directory '%s': %s", name, program.Reason(err))
			continue
		}
		if options.Has("v") {
			process.Printf("created directory: '%s'\n", name)
		}
		if options.Has("m") {
			host.Chmod(process.Path(name), uint32(change(0o777, true))) // where the host cannot, it has the mode of every new one
		}
	}
	return status
}

func rmdir(process *program.Process) int {
	options, names, err := process.Parse("p", "parents=p")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	status := 0
	for _, name := range names {
		for ; name != "." && name != "/"; name = path.Dir(name) {
			if err := removeDirectory(process.Path(name)); err != nil {
				status = process.Fail("'%s': %s", name, program.Reason(err))
				break
			}
			if !options.Has("p") {
				break
			}
		}
	}
	return status
}

func removeDirectory(place string) error {
	info, err := os.Lstat(place)
	if err == nil && !info.IsDir() {
		err = errNotDirectory
	}
	if err == nil {
		err = os.Remove(place)
	}
	return err
}
