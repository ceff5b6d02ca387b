package applets

import (
	"fmt"
	"os"
	"path"

	"wasmlet.dev/toolbox/program"
)

// ln makes links: hard ones, or symbolic ones with -s.
func ln(process *program.Process) int {
	options, names, err := process.Parse("fnrsTv", "symbolic=s", "force=f", "no-dereference=n")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 1 {
		names = append(names, path.Base(names[0]))
	}
	return intoPlace(process, options, names, func(source, target string) error {
		if options.Has("f") {
			os.Remove(target) // what cannot be removed is in the way of the link, which says so
		}
		link := func() error { return os.Link(process.Path(source), target) }
		if options.Has("s") {
			link = func() error { return os.Symlink(source, target) }
		}
		if err := link(); err != nil {
			return fmt.Errorf("%s: %s", target, program.Reason(err))
		}
		return nil
	})
}

// link gives a file another name.
func link(process *program.Process) int {
	_, names, err := process.Parse("")
	if err != nil || len(names) != 2 {
		return usageOf(process)
	}
	if err := os.Link(process.Path(names[0]), process.Path(names[1])); err != nil {
		return process.Fail("can't create link '%s' to '%s': %s", names[1], names[0], program.Reason(err))
	}
	return 0
}

// unlink removes one file.
func unlink(process *program.Process) int {
	_, names, err := process.Parse("")
	if err != nil || len(names) != 1 {
		return usageOf(process)
	}
	if err := os.Remove(process.Path(names[0])); err != nil {
		return process.Fail("can't remove file '%s': %s", names[0], program.Reason(err))
	}
	return 0
}
