// Package program is what a command of the toolbox is: a function of a Process. WASI has neither fork nor a current
// directory nor pipes, so that each command gets all of these from whoever runs it, and the shell runs it beside itself.
package program

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"wasmlet.dev/toolbox/terminal"
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
	Terminal *terminal.Terminal // nil: nobody sits at one
}

// Exit statuses that a shell gives.
const (
	NotExecutable = 126
	NotFound      = 127
	Interrupted   = 128 + 2
	BrokenPipe    = 128 + 13
	Terminated    = 128 + 15
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
	value, _ := p.Lookup(name)
	return value
}

// Lookup is the value of a variable, and whether it is set.
func (p *Process) Lookup(name string) (value string, isSet bool) {
	for _, item := range p.Env {
		if value, found := strings.CutPrefix(item, name+"="); found {
			return value, true
		}
	}
	return "", false
}

// IsTerminal tells whether a person sees and types what goes through the standard input, output or error: 0, 1 or 2.
func (p *Process) IsTerminal(number int) bool {
	streams := [...]any{p.Stdin, p.Stdout, p.Stderr}
	if number < 0 || number >= len(streams) {
		return false
	}
	_, isTerminal := Bare(streams[number]).(*terminal.Terminal)
	return isTerminal
}

// TerminalSize is how much fits on the screen; 0 where there is none.
func (p *Process) TerminalSize() (columns, rows int) {
	if p.Terminal == nil {
		return 0, 0
	}
	return p.Terminal.Size()
}

// Keys are what is typed while a command runs that shows more than lines. They have to be closed.
func (p *Process) Keys() *Keys {
	keys := &Keys{release: func() {}}
	if p.Terminal != nil && p.IsTerminal(0) {
		keys.terminal = p.Terminal
		keys.release = p.RawTerminal()
	}
	return keys
}

// RawTerminal gives the terminal's keys to the command as they are typed, until it releases them. In the background it
// waits for the foreground.
func (p *Process) RawTerminal() (release func()) {
	awaitForeground(p.Context)
	return p.Terminal.Raw()
}

// Suspend stops the command where a shell can continue it, as SIGTSTP does, and returns when that is done. One that is
// ended meanwhile ends here.
func (p *Process) Suspend() { suspend(p.Context) }

func suspend(ctx context.Context) {
	if group := groupOf(ctx); group != nil {
		group.Stop(TerminalStop)
		awaitForeground(ctx)
		if ctx.Err() != nil {
			Exit(EndedBy(ctx))
		}
	}
}

// Keys come from a terminal, or never where there is none.
type Keys struct {
	terminal *terminal.Terminal
	release  func()
}

// Close gives the terminal back, once.
func (k *Keys) Close() {
	k.release()
	k.release = func() {}
}

// Wait waits for keys, at most so long (0: for ever where there is a terminal). The status is 0, or that of a command
// which was ended: also by ^C, which is a key here.
func (k *Keys) Wait(ctx context.Context, patience time.Duration) (text string, status int) {
	if k.terminal == nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return "", EndedBy(ctx)
		}
		return "", 0
	}
	text, err := k.terminal.ReadKeys(ctx, patience)
	switch {
	case ctx.Err() != nil:
		return "", EndedBy(ctx)
	case err != nil:
		return "", 1
	case strings.ContainsRune(text, 3):
		return "", Interrupted
	case strings.ContainsRune(text, 26):
		k.Close()
		suspend(ctx)
		k.release = k.terminal.Raw()
		return "", 0
	}
	return text, 0
}

// Printf writes to the standard output.
func (p *Process) Printf(format string, values ...any) {
	fmt.Fprintf(p.Stdout, format, values...)
}

// Complain writes to the standard error.
func (p *Process) Complain(format string, values ...any) {
	fmt.Fprintf(p.Stderr, format, values...)
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
