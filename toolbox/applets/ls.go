package applets

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"wasmlet.dev/toolbox/program"
)

type lister struct {
	process *program.Process
	options program.Options
	status  int
}

// ls lists names in their order, one in a line: with -a, -A, -d, -l, -R and -1.
func ls(process *program.Process) int {
	options, names, err := process.Parse("1AadhlRr")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	slices.Sort(names)
	list := lister{process: process, options: options}
	list.all(names)
	return list.status
}

func (l *lister) all(names []string) {
	var directories []string
	for _, name := range names {
		info, err := l.stat(name)
		switch {
		case err != nil:
			l.status = l.process.FailAt(name, err)
		case info.IsDir() && !l.options.Has("d"):
			directories = append(directories, name)
		default:
			l.entry(name, info)
		}
	}
	for index, name := range directories {
		if len(names) > 1 || l.options.Has("R") {
			if index > 0 || len(directories) < len(names) {
				l.process.Printf("\n")
			}
			l.process.Printf("%s:\n", name)
		}
		l.directory(name)
	}
}

func (l *lister) stat(name string) (fs.FileInfo, error) {
	if l.options.Has("l") {
		return os.Lstat(l.process.Path(name))
	}
	info, err := os.Stat(l.process.Path(name))
	if err != nil {
		return os.Lstat(l.process.Path(name)) // a link that leads nowhere
	}
	return info, nil
}

func (l *lister) directory(name string) {
	entries, err := os.ReadDir(l.process.Path(name))
	if err != nil {
		l.status = l.process.FailAt(name, err)
		return
	}
	if l.options.Has("a") {
		l.process.Printf(".\n..\n")
	}
	if l.options.Has("r") {
		slices.Reverse(entries)
	}
	var below []string
	for _, entry := range entries {
		if entry.Name()[0] == '.' && !l.options.Has("aA") {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // it has gone meanwhile
		}
		l.entry(entry.Name(), info)
		if entry.IsDir() {
			below = append(below, path.Join(name, entry.Name()))
		}
	}
	if l.options.Has("R") {
		for _, inner := range below {
			l.process.Printf("\n%s:\n", inner)
			l.directory(inner)
		}
	}
}

func (l *lister) entry(name string, info fs.FileInfo) {
	if !l.options.Has("l") {
		l.process.Printf("%s\n", name)
		return
	}
	l.process.Printf("%c%10d %s %s\n", kind(info.Mode()), info.Size(), info.ModTime().UTC().Format(time.DateTime), name)
}

// kind is the letter of a file's type. WASI tells neither mode nor owner.
func kind(mode fs.FileMode) rune {
	switch {
	case mode.IsDir():
		return 'd'
	case mode&fs.ModeSymlink != 0:
		return 'l'
	case mode&fs.ModeCharDevice != 0:
		return 'c'
	case mode&fs.ModeDevice != 0:
		return 'b'
	case mode&fs.ModeSocket != 0:
		return 's'
	case mode&fs.ModeNamedPipe != 0:
		return 'p'
	}
	return '-'
}
