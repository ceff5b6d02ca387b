// Package shell interprets the language of a POSIX shell, with what bash adds in daily use, where there is no fork:
// a subshell is a copy of the shell's state, and the elements of a pipeline are goroutines.
package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// Shell is the state that commands see and change.
type Shell struct {
	process   *program.Process // its directory, and the streams it was started with
	streams   streams          // as redirected at this point
	name      string           // $0
	params    []string         // $1 and so on
	variables map[string]expand.Variable
	functions map[string]*syntax.Stmt
	locals    []map[string]expand.Variable // of each function that runs: what its local variables hide
	options   options
	status    int // $?
	unchecked int // above 0: a failure is no reason to exit, whatever -e says
	jobs      *jobs
	traps     map[string]string // commands by the names of signals, EXIT among them
	sits      *seat             // nil: nobody types
	start     time.Time
	line      int
	now       *syntax.Stmt // is run
	// Where getopts stands within a word, as long as OPTIND is what it left.
	getoptsIndex string
	getoptsPlace int
	aliases      map[string]string
	// substitutions counts commands that were substituted: the last one's status is that of an assignment.
	substitutions int
}

type options struct {
	exitOnError bool // -e
	noUnset     bool // -u
	trace       bool // -x
	noGlob      bool // -f
	exportAll   bool // -a
	noClobber   bool // -C
	noExec      bool // -n
	verbose     bool // -v
	monitor     bool // -m: nothing follows from it
	pipeFail    bool // -o pipefail
}

func newShell(process *program.Process, name string, params []string) *Shell {
	shell := &Shell{
		process:   process.With(process.Args...),
		streams:   standardStreams(process),
		name:      name,
		params:    params,
		variables: map[string]expand.Variable{},
		functions: map[string]*syntax.Stmt{},
		jobs:      &jobs{},
		traps:     map[string]string{},
		aliases:   map[string]string{},
		start:     time.Now(),
	}
	shell.importEnvironment()
	return shell
}

// subshell is a copy: what it changes, this one does not see.
func (s *Shell) subshell() *Shell {
	other := *s
	other.process = s.process.With(s.process.Args...)
	other.variables = maps.Clone(s.variables)
	other.functions = maps.Clone(s.functions)
	other.locals = slices.Clone(s.locals)
	other.jobs = s.jobs.inherited()
	other.traps = map[string]string{}
	other.sits = nil
	return &other
}

// finish runs a part of a script that is a process of its own elsewhere, and gives its exit status.
func (s *Shell) finish(run func() error) (status int) {
	process := s.process.With(s.process.Args...)
	return program.Run(func(*program.Process) int {
		s.end(run())
		if s.process.Context.Err() != nil && program.EndedBy(s.process.Context) == program.Interrupted {
			s.runTrap("INT")
		}
		s.runExitTrap()
		return s.status
	}, process)
}

// runExitTrap leaves the status as it is, unless the trap exits with its own.
func (s *Shell) runExitTrap() {
	command, status := s.traps["EXIT"], s.status
	if command == "" {
		return
	}
	delete(s.traps, "EXIT")
	s.sits = nil                                                 // nobody is left to continue what it starts
	s.process.Context = context.WithoutCancel(s.process.Context) // the trap runs also for a command that was ended
	err := s.source(command, s.name)
	s.end(err)
	if err == nil {
		s.status = status
	}
}

func (s *Shell) end(err error) {
	var signal control
	if err != nil && !errors.As(err, &signal) {
		s.complain("%s", err)
		s.status = 2
	}
}

// complain writes a message in the shell's name.
func (s *Shell) complain(format string, values ...any) {
	fmt.Fprintf(s.streams.writer(2), "%s: %s\n", s.name, fmt.Sprintf(format, values...))
}

// fail complains and makes 1 the status.
func (s *Shell) fail(format string, values ...any) {
	s.complain(format, values...)
	s.status = 1
}
