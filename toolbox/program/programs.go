package program

import (
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Programs are the toolbox's commands, and where a name leads to one.
//
// In an image a command is there because a link in its tree of files says so: a name that is missing or hidden there
// cannot be run. Where no file of the tree is the toolbox itself (the runtime has started its own in a container
// without one), every command can be run by its name.
type Programs struct {
	commands Commands
	own      func() os.FileInfo // of the toolbox's file; nil: it is not in this tree
}

// Commands are those of the toolbox.
type Commands struct {
	Main  func(name string) Main // nil if there is none
	Names func() []string
}

// Found is what a name leads to.
type Found struct {
	Path   string // "" for a command that is in no file
	Main   Main   // nil for a script
	Script bool
}

// NewPrograms looks the toolbox itself up as it was called, when that is asked first: most commands run no others.
func NewPrograms(commands Commands, process *Process) *Programs {
	caller := *process
	return &Programs{commands, sync.OnceValue(func() os.FileInfo { return findWasm(&caller, caller.Args[0]) })}
}

func findWasm(process *Process, name string) os.FileInfo {
	for _, candidate := range candidates(process, name) {
		if info, err := os.Stat(candidate); err == nil && isWasm(candidate) {
			return info
		}
	}
	return nil
}

// Names of all commands.
func (p *Programs) Names() []string {
	return p.commands.Names()
}

// Applet is a command by its name, whatever the files say; nil if there is none.
func (p *Programs) Applet(name string) Main {
	return p.commands.Main(name)
}

// Find looks a name up as execvp(3) does. The error is ENOENT, EACCES, EISDIR or ENOEXEC.
func (p *Programs) Find(process *Process, name string) (Found, error) {
	if main := p.commands.Main(path.Base(name)); main != nil && isCommand(name) && p.own() == nil {
		return Found{Main: main}, nil
	}
	reason := error(syscall.ENOENT)
	for _, candidate := range candidates(process, name) {
		found, err := p.open(candidate)
		if err == nil {
			return found, nil
		}
		if err != syscall.ENOENT {
			reason = err
		}
	}
	return Found{}, reason
}

// isCommand is true for a name, and for a path in a usual folder of commands: other paths mean files.
func isCommand(name string) bool {
	return !strings.Contains(name, "/") || slices.Contains(usualFolders, path.Dir(name))
}

var usualFolders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func candidates(process *Process, name string) []string {
	if strings.Contains(name, "/") {
		return []string{process.Path(name)}
	}
	var paths []string
	for _, dir := range strings.Split(process.Getenv("PATH"), ":") {
		paths = append(paths, path.Join(process.Path(dir), name))
	}
	return paths
}

func (p *Programs) open(candidate string) (Found, error) {
	info, err := os.Stat(candidate)
	if err != nil {
		return Found{}, errno(err)
	}
	if !info.Mode().IsRegular() {
		return Found{}, syscall.EACCES
	}
	beginning, err := readBeginning(candidate)
	if err != nil {
		return Found{}, errno(err)
	}
	if !strings.HasPrefix(beginning, wasmMagic) {
		return Found{Path: candidate, Script: true}, nil
	}
	main := p.commands.Main(path.Base(candidate))
	if main == nil || !os.SameFile(info, p.own()) {
		return Found{}, syscall.ENOEXEC
	}
	return Found{Path: candidate, Main: main}, nil
}

const wasmMagic = "\x00asm"

func isWasm(file string) bool {
	beginning, err := readBeginning(file)
	return err == nil && beginning == wasmMagic
}

func readBeginning(file string) (string, error) {
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	beginning := make([]byte, len(wasmMagic))
	length, err := io.ReadFull(opened, beginning)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return string(beginning[:length]), err
}

func errno(err error) error {
	if os.IsNotExist(err) {
		return syscall.ENOENT
	}
	return syscall.EACCES
}
