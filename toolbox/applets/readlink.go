package applets

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"wasmlet.dev/toolbox/program"
)

const mostLinks = 40

// readlink prints where links lead: the next step, or with -f the end of the way, whose last part may be missing.
func readlink(process *program.Process) int {
	options, names, err := process.Parse("efnqsv", "canonicalize=f", "no-newline=n")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	newline := "\n"
	if options.Has("n") {
		newline = ""
	}
	status := 0
	for _, name := range names {
		target, err := os.Readlink(process.Path(name))
		if options.Has("fe") {
			target, err = resolve(process.Path(name), options.Has("e"))
		}
		if err == nil {
			process.Printf("%s%s", target, newline)
			continue
		}
		status = 1
		if options.Has("v") {
			process.FailAt(name, err)
		}
	}
	return status
}

// realpath prints absolute names without links.
func realpath(process *program.Process) int {
	options, names, err := process.Parse("emqs", "canonicalize-existing=e", "canonicalize-missing=m")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	status := 0
	for _, name := range names {
		resolved, err := resolve(process.Path(name), options.Has("e"))
		if options.Has("m") && errors.Is(err, fs.ErrNotExist) {
			resolved, err = path.Clean(process.Path(name)), nil
		}
		if err != nil {
			status = process.FailAt(name, err)
			continue
		}
		process.Printf("%s\n", resolved)
	}
	return status
}

// resolve follows all links of an absolute name.
func resolve(name string, mustExist bool) (string, error) {
	resolved, rest := "/", strings.Split(path.Clean(name), "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			resolved = path.Dir(resolved)
			continue
		}
		next := path.Join(resolved, part)
		info, err := os.Lstat(next)
		switch {
		case err != nil && (mustExist || len(rest) > 0 || !errors.Is(err, fs.ErrNotExist)):
			return "", err
		case err != nil || info.Mode()&fs.ModeSymlink == 0:
			resolved = next
			continue
		}
		if links++; links > mostLinks {
			return "", syscall.ELOOP
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			resolved = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return resolved, nil
}
