package shell

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// call runs a simple command.
func (s *Shell) call(call *syntax.CallExpr) error {
	before := s.substitutions
	args, err := s.fields(call.Args...)
	if err != nil {
		return s.expansionFailed(err)
	}
	if len(args) == 0 {
		err := s.assignAll(call.Assigns)
		if err == nil && s.substitutions == before {
			s.status = 0
		}
		return err
	}
	hidden := map[string]expand.Variable{}
	defer s.restore(hidden)
	for _, each := range call.Assigns {
		hidden[each.Name.Value] = s.variables[each.Name.Value]
	}
	if err := s.assignAll(call.Assigns); err != nil {
		return err
	}
	for name := range hidden {
		s.export(name)
	}
	s.traceCommand(args)
	if len(s.aliases) > 0 {
		args = s.expandAlias(args)
	}
	return s.run(args)
}

func (s *Shell) traceCommand(args []string) {
	if !s.options.trace {
		return
	}
	quoted := make([]string, len(args))
	for index, word := range args {
		if text, err := syntax.Quote(word, syntax.LangBash); err == nil {
			word = text
		}
		quoted[index] = word
	}
	fmt.Fprintf(s.streams.writer(2), "%s%s\n", s.variables["PS4"].Str, strings.Join(quoted, " "))
}

func (s *Shell) assignAll(assigns []*syntax.Assign) error {
	for _, each := range assigns {
		if err := s.assignOne(each); err != nil {
			return s.expansionFailed(err)
		}
	}
	return nil
}

func (s *Shell) assignOne(assign *syntax.Assign) error {
	name := assign.Name.Value
	if assign.Array != nil || assign.Index != nil {
		return fmt.Errorf("%s: this shell has no arrays", name)
	}
	value, err := expand.Literal(s.expansion(), assign.Value)
	if err != nil {
		return err
	}
	if assign.Append {
		value = s.variables[name].Str + value
	}
	return s.assign(name, value)
}

// run finds a command as POSIX orders it: special builtins, functions, builtins, files.
func (s *Shell) run(args []string) error {
	if builtin := specialBuiltins[args[0]]; builtin != nil {
		return builtin(s, args[1:])
	}
	if body := s.functions[args[0]]; body != nil {
		return s.callFunction(body, args[1:])
	}
	return s.runWithoutFunctions(args)
}

func (s *Shell) runWithoutFunctions(args []string) error {
	if builtin := builtins[args[0]]; builtin != nil {
		return builtin(s, args[1:])
	}
	if main := s.builtinApplet(args[0]); main != nil {
		s.status = main(s.asProcess(args...)) // where nobody reads any more, the shell itself ends
		return nil
	}
	return s.inForeground(func(outer *Shell) error { return outer.runFile(args) })
}

// builtinApplet is a command that every shell has in itself, whatever the files say.
func (s *Shell) builtinApplet(name string) program.Main {
	switch name {
	case "[", "echo", "false", "printf", "test", "true":
		return s.process.Programs.Applet(name)
	}
	return nil
}

func (s *Shell) callFunction(body *syntax.Stmt, args []string) error {
	params := s.params
	s.params = args
	hidden := map[string]expand.Variable{}
	s.locals = append(s.locals, hidden)
	defer func() {
		s.params = params
		s.locals = s.locals[:len(s.locals)-1]
		s.restore(hidden)
	}()
	err := s.statement(body)
	if signal, isControl := err.(control); isControl && signal.kind == leaveFunction {
		return nil
	}
	return err
}

// asProcess is what a command is given that this shell starts.
func (s *Shell) asProcess(args ...string) *program.Process {
	process := s.process.With(args...)
	process.Env = s.environment()
	ctx := process.Context
	process.Stdin = program.Input{Reader: s.streams.reader(0), Context: ctx}
	process.Stdout = program.Output{Writer: s.streams.writer(1), Context: ctx}
	process.Stderr = program.Output{Writer: s.streams.writer(2), Context: ctx}
	return process
}

func (s *Shell) runFile(args []string) error {
	process := s.asProcess(args...)
	found, err := process.Programs.Find(process, args[0])
	switch {
	case err == syscall.ENOENT:
		s.complain("%s: not found", args[0])
		s.status = program.NotFound
	case err == syscall.ENOEXEC:
		s.complain("%s: this is another WebAssembly program than the shell's: only the runtime can start it", args[0])
		s.status = program.NotExecutable
	case err != nil:
		s.complain("%s: %s", args[0], program.Reason(err))
		s.status = program.NotExecutable
	case found.Script:
		return s.runScriptFile(process, found.Path)
	default:
		s.status = program.Run(found.Main, process)
	}
	return nil
}

// runScriptFile heeds a first line of #!. Without one it is this shell's.
func (s *Shell) runScriptFile(process *program.Process, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		s.complain("%s: %s", file, program.Reason(err))
		s.status = program.NotExecutable
		return nil
	}
	if isBinary(text) {
		s.complain("%s: this is neither WebAssembly nor a script", process.Args[0])
		s.status = program.NotExecutable
		return nil
	}
	args := append([]string{s.process.Args[0], file}, process.Args[1:]...)
	main := program.Main(Main)
	if words := interpreter(string(text)); len(words) > 0 {
		args = append(append(words, file), process.Args[1:]...)
		found, err := process.Programs.Find(process, words[0])
		if err != nil || found.Main == nil {
			s.complain("%s: its interpreter %s cannot be run", file, words[0])
			s.status = program.NotExecutable
			return nil
		}
		main = found.Main
	}
	s.status = program.Run(main, process.With(args...))
	return nil
}

// isBinary as bash decides it: there is a NUL in the first line.
func isBinary(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.IndexByte(line, 0) >= 0
}

// interpreter is the words of a first line of #!.
func interpreter(text string) []string {
	line, found := strings.CutPrefix(text, "#!")
	if !found {
		return nil
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if len(words) == 2 && path.Base(words[0]) == "env" {
		return words[1:]
	}
	return words
}
