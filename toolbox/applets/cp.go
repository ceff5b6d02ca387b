package applets

import (
	"io"
	"io/fs"
	"os"
	"path"

	"wasmlet.dev/toolbox/program"
)

func cp(process *program.Process) int {
	options, names, err := process.Parse("afpRr")
	if err != nil {
		return badUsage(process, err)
	}
	return intoPlace(process, names, func(source, target string) error {
		return copyTree(process.Path(source), target, options.Has("aRr"))
	})
}

func mv(process *program.Process) int {
	_, names, err := process.Parse("f")
	if err != nil {
		return badUsage(process, err)
	}
	return intoPlace(process, names, func(source, target string) error {
		return os.Rename(process.Path(source), target)
	})
}

// intoPlace moves each source to the last name, or into it when that is a directory.
func intoPlace(process *program.Process, names []string, move func(source, target string) error) int {
	if len(names) < 2 {
		return process.Fail("which file, and where to?")
	}
	sources, last := names[:len(names)-1], process.Path(names[len(names)-1])
	info, err := os.Stat(last)
	isDirectory := err == nil && info.IsDir()
	if len(sources) > 1 && !isDirectory {
		return process.Fail("%s: Not a directory", names[len(names)-1])
	}
	status := 0
	for _, source := range sources {
		target := last
		if isDirectory {
			target = path.Join(last, path.Base(source))
		}
		if err := move(source, target); err != nil {
			status = process.FailAt(source, err)
		}
	}
	return status
}

func copyTree(source, target string, recursive bool) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return copyFile(source, target)
	}
	if !recursive {
		return &fs.PathError{Op: "copy", Path: source, Err: errIsDirectory}
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o777); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := copyTree(path.Join(source, entry.Name()), path.Join(target, entry.Name()), true); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(source, target string) error {
	input, err := os.Open(source)
	if err != nil {
		return err
	}
	defer input.Close()
	output, err := os.Create(target)
	if err != nil {
		return err
	}
	if _, err := io.Copy(output, input); err != nil {
		output.Close()
		return err
	}
	return output.Close()
}
