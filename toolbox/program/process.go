// Package program is what a command of the toolbox is: a function of a Process. WASI has neither fork nor a current
// directory nor pipes, so that each command gets all of these from whoever runs it, and the shell runs it beside itself.
package program

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// Main runs a command to its end and returns its exit status.
type Main func(*Process) int

// Process is all that a running command may read or change.
type Process struct {
	Context  context.Context // done when the command has to end before it would
	Args     []string        // Args[0] is its name
	Env      []string        // NAME=value items, each name once
	Dir      string          // absolute
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Programs *Programs
}

// Exit statuses that a shell gives.
const (
	NotExecutable = 126
	NotFound      = 127
	BrokenPipe    = 128 + 13
)

type ended struct{ status int }

// Run runs a command that may end by Exit or because nobody reads its output any more.
func Run(main Main, process *Process) (status int) {
	defer func() {
		if value := recover(); value != nil {
			end, isEnd := value.(ended)
			if !isEnd {
				panic(value)
			}
			status = end.status
		}
	}()
	return main(process)
}

// Exit ends the running command, however deep it is, as exit(2) does.
func Exit(status int) {
	panic(ended{status})
}

// Name is what the command is called in its messages.
func (p *Process) Name() string {
	return path.Base(p.Args[0])
}

// Path makes a name absolute.
func (p *Process) Path(name string) string {
	return Join(p.Dir, name)
}

// Join makes a name absolute that is meant relative to a directory.
func Join(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return path.Join(dir, name) + slashAtEnd(name)
}

func slashAtEnd(name string) string {
	if strings.HasSuffix(name, "/") {
		return "/"
	}
	return ""
}

// Getenv is the value of a variable, "" if it is not set.
func (p *Process) Getenv(name string) string {
	for _, item := range p.Env {
		if value, found := strings.CutPrefix(item, name+"="); found {
			return value
		}
	}
	return ""
}

// Printf writes to the standard output.
func (p *Process) Printf(format string, values ...any) {
	fmt.Fprintf(p.Stdout, format, values...)
}

// Fail complains on the standard error in the command's name and returns 1.
func (p *Process) Fail(format string, values ...any) int {
	fmt.Fprintf(p.Stderr, "%s: %s\n", p.Name(), fmt.Sprintf(format, values...))
	return 1
}

// FailAt complains about a file and returns 1.
func (p *Process) FailAt(name string, err error) int {
	return p.Fail("%s: %s", name, Reason(err))
}

// With is a process like this one that runs another command.
func (p *Process) With(args ...string) *Process {
	other := *p
	other.Args = args
	return &other
}
