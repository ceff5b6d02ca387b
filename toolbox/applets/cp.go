package applets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

type copier struct {
	process *program.Process
	options program.Options
	status  int
}

// cp copies files, and directories with -r, -R or -a: with -d, -f, -L, -n, -P, -p, -T, -u and -v.
func cp(process *program.Process) int {
	options, names, err := process.Parse("aAdfHiLlnPprRsTuvx", "archive=a", "recursive=R", "force=f", "no-clobber=n", "verbose=v",
		"preserve=p", "update=u", "no-target-directory=T")
	if err != nil {
		return badUsage(process, err)
	}
	work := &copier{process: process, options: options}
	return max(work.status, intoPlace(process, options, names, func(source, target string) error {
		work.copy(source, process.Path(source), target, true)
		return nil
	}), work.status)
}

// intoPlace treats each source with the last name, or with a place in it when that is a directory.
func intoPlace(process *program.Process, options program.Options, names []string, treat func(source, target string) error) int {
	if len(names) < 2 {
		return usageOf(process)
	}
	sources, last := names[:len(names)-1], process.Path(names[len(names)-1])
	info, err := os.Stat(last)
	isDirectory := err == nil && info.IsDir() && !options.Has("T")
	if len(sources) > 1 && !isDirectory {
		return process.Fail("target '%s' is not a directory", names[len(names)-1])
	}
	status := 0
	for _, source := range sources {
		target := last
		if isDirectory {
			target = path.Join(last, path.Base(process.Path(source)))
		}
		if err := treat(source, target); err != nil {
			status = process.Fail("%s", err)
		}
	}
	return status
}

func (c *copier) fail(format string, values ...any) {
	c.status = c.process.Fail(format, values...)
}

func (c *copier) copy(shown, source, target string, isNamed bool) {
	look := os.Lstat
	if follows := isNamed && !c.options.Has("aPd"); follows || c.options.Has("L") {
		look = os.Stat
	}
	info, err := look(source)
	if err != nil {
		c.fail("can't stat '%s': %s", shown, program.Reason(err))
		return
	}
	existing, err := os.Lstat(target)
	switch {
	case err == nil && os.SameFile(info, existing):
		c.fail("'%s' and '%s' are the same file", shown, target)
		return
	case err == nil && !info.IsDir() && (c.options.Has("n") || c.options.Has("u") && !info.ModTime().After(existing.ModTime())):
		return
	case err == nil && existing.IsDir() && !info.IsDir():
		c.fail("can't create '%s': Is a directory", asTyped(c.process, target))
		return
	}
	if info.IsDir() {
		c.copyDirectory(shown, source, target)
	} else if err := c.copyOne(source, target, info); err != nil {
		c.fail("can't create '%s': %s", asTyped(c.process, target), program.Reason(err))
		return
	}
	c.keep(source, target, info)
	if c.options.Has("v") {
		c.process.Printf("'%s' -> '%s'\n", shown, asTyped(c.process, target))
	}
}

// asTyped is the target's path as it was named, which is the last word.
func asTyped(process *program.Process, target string) string {
	if strings.HasPrefix(process.Args[len(process.Args)-1], "/") {
		return target
	}
	return strings.TrimPrefix(target, strings.TrimSuffix(process.Dir, "/")+"/")
}

// keep gives the copy the mode that the original has, with -a and -p its time too.
func (c *copier) keep(source, target string, info fs.FileInfo) {
	if info.Mode()&fs.ModeSymlink != 0 {
		return
	}
	if status, err := host.Stat(source, true); err == nil {
		host.Chmod(target, uint32(status.Mode&0o777)) // where the host cannot, it has the mode of every new one
	}
	if c.options.Has("ap") {
		os.Chtimes(target, info.ModTime(), info.ModTime())
	}
}

func (c *copier) copyDirectory(shown, source, target string) {
	if !c.options.Has("aRr") {
		c.fail("omitting directory '%s'", shown)
		return
	}
	if strings.HasPrefix(target+"/", source+"/") {
		c.fail("can't copy '%s' into itself", shown)
		return
	}
	entries, err := os.ReadDir(source)
	if err == nil {
		err = os.MkdirAll(target, 0o777)
	}
	if err != nil {
		c.fail("can't create directory '%s': %s", target, program.Reason(err))
		return
	}
	for _, entry := range entries {
		program.Yield(c.process.Context)
		c.copy(joined(shown, entry.Name()), path.Join(source, entry.Name()), path.Join(target, entry.Name()), false)
	}
}

func (c *copier) copyOne(source, target string, info fs.FileInfo) error {
	if c.options.Has("f") {
		os.Remove(target) // what cannot be removed is opened, and tells why not
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(source)
		if err == nil {
			os.Remove(target)
			err = os.Symlink(link, target)
		}
		return err
	case c.options.Has("l"):
		return os.Link(source, target)
	case c.options.Has("s"):
		return os.Symlink(source, target)
	}
	return copyFile(c.process, source, target)
}

func copyFile(process *program.Process, source, target string) error {
	input, err := os.Open(source)
	if err != nil {
		return err
	}
	defer input.Close()
	output, err := os.Create(target)
	if err != nil {
		return err
	}
	reader := program.Input{Reader: input, Context: process.Context}
	if _, err := io.Copy(output, reader); err != nil {
		output.Close()
		return err
	}
	return output.Close()
}

// mv renames, or copies and removes where the target is on another mount: with -f, -n, -T, -u and -v.
func mv(process *program.Process) int {
	options, names, err := process.Parse("finTuv", "force=f", "no-clobber=n", "verbose=v", "no-target-directory=T")
	if err != nil {
		return badUsage(process, err)
	}
	return intoPlace(process, options, names, func(source, target string) error {
		if _, err := os.Lstat(target); err == nil && options.Has("n") {
			return nil
		}
		if err := move(process, source, target); err != nil {
			return fmt.Errorf("can't rename '%s': %s", source, program.Reason(err))
		}
		if options.Has("v") {
			process.Printf("'%s' -> '%s'\n", source, asTyped(process, target))
		}
		return nil
	})
}

func move(process *program.Process, source, target string) error {
	from := strings.TrimSuffix(process.Path(source), "/")
	err := os.Rename(from, target)
	if !errors.Is(err, errCrossDevice) {
		return err
	}
	work := &copier{process: process, options: program.Options{'a': "", 'f': ""}}
	work.copy(source, from, target, true)
	if work.status != 0 {
		return err
	}
	return os.RemoveAll(from)
}
