package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// interact reads lines from a terminal and runs them until the end.
func (s *Shell) interact() error {
	s.sits = newSeat(s.process.Terminal)
	former := s.process.Terminal.OnInterrupt(func() {}) // ^C between two lines is not for the shell
	defer s.process.Terminal.OnInterrupt(former)
	if file := s.variables["ENV"].Str; file != "" {
		if content, err := os.ReadFile(s.process.Path(file)); err == nil {
			s.runLine(string(content), func() {})
		}
	}
	defer s.jobs.endStopped()
	warned := false
	for {
		s.tellChanged()
		release := s.process.RawTerminal() // also between the lines
		text, err := s.readCommand()
		if err != nil {
			release()
		}
		switch {
		case errors.Is(err, errInterrupted):
			s.status = program.Interrupted
			continue
		case err == io.EOF:
			fmt.Fprintln(s.streams.writer(2))
			if warned = s.warn(warned); warned {
				continue
			}
			return nil
		case err != nil:
			return nil // whoever sat there has gone
		}
		leaves := s.runLine(text, release)
		if !leaves {
			warned = false
		} else if warned = s.warn(warned); !warned {
			return exit
		}
	}
}

// warn keeps somebody from leaving stopped jobs unawares: the second time it does not.
func (s *Shell) warn(warned bool) bool {
	if warned || !s.jobs.hasStopped() {
		return false
	}
	fmt.Fprintln(s.streams.writer(2), "You have stopped jobs.")
	return true
}

// readCommand reads as many lines as a command has.
func (s *Shell) readCommand() (string, error) {
	text := ""
	for {
		line, err := s.sits.readLine(s.prompt(text != ""), s.complete)
		if err == io.EOF && text != "" {
			return text, nil
		}
		if err != nil {
			return "", err
		}
		text += line + "\n"
		if !isIncomplete(text) {
			return text, nil
		}
	}
}

func isIncomplete(text string) bool {
	_, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err == nil {
		trimmed := strings.TrimSuffix(text, "\n")
		return (len(trimmed)-len(strings.TrimRight(trimmed, `\`)))%2 == 1
	}
	return syntax.IsIncomplete(err)
}

// runLine runs what was typed. ^C ends it, not the shell, also where it was typed ahead, which the release of the terminal
// tells. It tells whether the shell is to end.
func (s *Shell) runLine(text string, release func()) (leaves bool) {
	before := s.process.Context
	ctx, cancel := context.WithCancelCause(before)
	former := s.process.Terminal.OnInterrupt(func() { cancel(program.ErrInterrupted) })
	formerly := s.process.Terminal.OnSuspend(nil) // what the shell does itself cannot be stopped
	s.process.Context = ctx
	release()
	defer func() {
		s.process.Terminal.OnInterrupt(former)
		s.process.Terminal.OnSuspend(formerly)
		s.process.Context = before
		cancel(nil)
	}()
	ended := true
	status := program.Run(func(*program.Process) int {
		err := s.runFrom(strings.NewReader(text))
		leaves = s.judge(err)
		ended = false
		return s.status
	}, nil)
	if ended || ctx.Err() != nil {
		s.status, leaves = status, false
	}
	if ctx.Err() != nil {
		s.status = program.EndedBy(ctx)
		s.locals, s.unchecked = nil, 0
		s.runTrap("INT")
	}
	return leaves
}

// judge tells whether what has come out of a line ends the shell.
func (s *Shell) judge(err error) bool {
	var signal control
	if err == nil {
		return false
	}
	if errors.As(err, &signal) {
		return signal.kind == leaveShell && !signal.isError
	}
	s.complain("%s", err)
	s.status = 2
	return false
}

// runTrap runs the command for a signal, if there is one.
func (s *Shell) runTrap(name string) {
	command := s.traps[name]
	if command == "" {
		return
	}
	s.process.Context = context.WithoutCancel(s.process.Context)
	s.end(s.source(command, s.name))
}

// prompt is PS1 or PS2, with bash's escapes of every day.
func (s *Shell) prompt(continues bool) string {
	name, text := "PS1", `\w \$ `
	if continues {
		name, text = "PS2", "> "
	}
	if variable := s.variables[name]; variable.Set {
		text = variable.Str
	}
	dir := s.process.Dir
	if home := s.variables["HOME"].Str; home != "" && home != "/" && (dir == home || strings.HasPrefix(dir, home+"/")) {
		dir = "~" + dir[len(home):]
	}
	sign, user := "$", s.variables["USER"].Str
	if isRoot() {
		sign, user = "#", "root"
	}
	host := s.hostname()
	short, _, _ := strings.Cut(host, ".")
	text = strings.NewReplacer(`\w`, dir, `\W`, dir[strings.LastIndex(dir, "/")+1:], `\u`, user, `\h`, short, `\H`, host, `\$`, sign,
		`\n`, "\n", `\e`, "\x1b", `\033`, "\x1b", `\[`, "", `\]`, "", `\\`, `\`).Replace(text)
	if strings.ContainsAny(text, "$`") {
		if word, err := syntax.NewParser().Document(strings.NewReader(text)); err == nil {
			if expanded, err := expand.Document(s.expansion(), word); err == nil {
				return expanded
			}
		}
	}
	return text
}

func (s *Shell) hostname() string {
	content, err := os.ReadFile("/etc/hostname")
	if name := strings.TrimSpace(string(content)); err == nil && name != "" {
		return name
	}
	return s.variables["HOSTNAME"].Str
}

func isRoot() bool {
	content, err := os.ReadFile("/proc/self/status")
	return err == nil && strings.Contains("\n"+string(content), "\nUid:\t0\t0\t")
}
