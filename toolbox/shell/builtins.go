package shell

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

type builtin func(*Shell, []string) error

var specialBuiltins, builtins map[string]builtin

func init() { // here, because some of them run others
	specialBuiltins = map[string]builtin{
		":":        func(s *Shell, _ []string) error { s.status = 0; return nil },
		".":        (*Shell).dot,
		"source":   (*Shell).dot,
		"break":    func(s *Shell, args []string) error { return s.loopControl(leaveLoop, args) },
		"continue": func(s *Shell, args []string) error { return s.loopControl(nextRound, args) },
		"eval":     func(s *Shell, args []string) error { return s.source(strings.Join(args, " "), s.name) },
		"exec":     (*Shell).exec,
		"exit":     func(s *Shell, args []string) error { return s.leave(leaveShell, args) },
		"return":   func(s *Shell, args []string) error { return s.leave(leaveFunction, args) },
		"set":      (*Shell).set,
		"shift":    (*Shell).shift,
		"times":    (*Shell).times,
		"trap":     (*Shell).trap,
		"unset":    (*Shell).unsetAll,
	}
	builtins = map[string]builtin{
		"alias":   (*Shell).alias,
		"bg":      (*Shell).bg,
		"builtin": func(s *Shell, args []string) error { return s.commandBuiltin(args) },
		"cd":      (*Shell).cd,
		"command": (*Shell).commandBuiltin,
		"fg":      (*Shell).fg,
		"getopts": (*Shell).getopts,
		"hash":    func(s *Shell, _ []string) error { s.status = 0; return nil }, // names are looked up each time
		"help":    (*Shell).help,
		"history": (*Shell).history,
		"jobs":    (*Shell).listJobs,
		"kill":    (*Shell).kill,
		"pwd":     (*Shell).pwd,
		"read":    (*Shell).read,
		"type":    (*Shell).typeBuiltin,
		"ulimit": func(s *Shell, _ []string) error {
			fmt.Fprintln(s.streams.writer(1), "unlimited")
			s.status = 0
			return nil
		},
		"umask":   (*Shell).umask,
		"unalias": (*Shell).unalias,
		"wait":    (*Shell).wait,
	}
}

func (s *Shell) number(args []string, missing int) (int, bool) {
	if len(args) == 0 {
		return missing, true
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 0 {
		s.complain("Illegal number: %s", args[0])
		s.status = 2
		return 0, false
	}
	return number, true
}

func (s *Shell) loopControl(kind controlKind, args []string) error {
	levels, isNumber := s.number(args, 1)
	if !isNumber || levels == 0 {
		return failed
	}
	s.status = 0
	return control{kind: kind, levels: levels}
}

func (s *Shell) leave(kind controlKind, args []string) error {
	status, isNumber := s.number(args, s.status)
	if isNumber {
		s.status = status & 0xff
	}
	return control{kind: kind}
}

func (s *Shell) dot(args []string) error {
	if len(args) == 0 {
		s.complain(".: which file?")
		s.status = 2
		return exit
	}
	text, err := os.ReadFile(s.sourcePath(args[0]))
	if err != nil {
		s.complain(".: can't open '%s': %s", args[0], program.Reason(err))
		s.status = 2
		return failed
	}
	if len(args) > 1 {
		params := s.params
		s.params = args[1:]
		defer func() { s.params = params }()
	}
	s.status = 0
	err = s.source(string(text), args[0])
	if signal, isControl := err.(control); isControl && signal.kind == leaveFunction {
		return nil
	}
	return err
}

// exec replaces the shell: the command's end is its own.
func (s *Shell) exec(args []string) error {
	s.status = 0
	if len(args) == 0 {
		return nil
	}
	if err := s.runFile(args); err != nil {
		return err
	}
	delete(s.traps, "EXIT")
	return exit
}

func (s *Shell) shift(args []string) error {
	count, isNumber := s.number(args, 1)
	if !isNumber {
		return failed
	}
	if count > len(s.params) {
		s.status = 1
		return nil
	}
	s.params = s.params[count:]
	s.status = 0
	return nil
}

// trap heeds EXIT, and INT where ^C reaches the shell. WebAssembly is told of no other signal: traps for those never run.
func (s *Shell) trap(args []string) error {
	s.status = 0
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		for _, name := range slices.Sorted(maps.Keys(s.traps)) {
			fmt.Fprintf(s.streams.writer(1), "trap -- %s %s\n", quoted(s.traps[name]), name)
		}
		return nil
	}
	action, names := args[0], args[1:]
	if len(names) == 0 {
		action, names = "-", args
	}
	for _, name := range names {
		signal, known := signalName(name)
		if !known {
			s.fail("trap: %s: invalid signal specification", name)
			continue
		}
		s.traps[signal] = action
		if action == "-" {
			delete(s.traps, signal)
		}
	}
	return nil
}

var signalNames = strings.Fields("EXIT HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT " +
	"STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS")

func signalName(text string) (string, bool) {
	if number, err := strconv.Atoi(text); err == nil && number >= 0 && number < len(signalNames) {
		return signalNames[number], true
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	return name, slices.Contains(signalNames, name) || name == "ERR"
}

func (s *Shell) unsetAll(args []string) error {
	s.status = 0
	unset := func(name string) error { return s.unset(name) }
	for _, name := range args {
		switch name {
		case "-v":
		case "-f":
			unset = func(name string) error { delete(s.functions, name); return nil }
		default:
			if err := unset(name); err != nil {
				s.fail("unset: %s", err)
			}
		}
	}
	return nil
}

func (s *Shell) cd(args []string) error {
	target := s.variables["HOME"].Str
	if len(args) > 0 {
		target = args[len(args)-1]
	}
	if target == "-" {
		target = s.variables["OLDPWD"].Str
		fmt.Fprintln(s.streams.writer(1), target)
	}
	dir := path.Clean(s.process.Path(target))
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		s.fail("cd: can't cd to %s: %s", target, program.Reason(err))
	case !info.IsDir():
		s.fail("cd: can't cd to %s: Not a directory", target)
	default:
		s.variables["OLDPWD"] = text(s.process.Dir)
		s.setDirectory(dir)
		s.status = 0
	}
	return nil
}

func (s *Shell) pwd([]string) error {
	fmt.Fprintln(s.streams.writer(1), s.process.Dir)
	s.status = 0
	return nil
}

func (s *Shell) commandBuiltin(args []string) error {
	if len(args) > 0 && (args[0] == "-v" || args[0] == "-V") {
		return s.describeAll(args[1:], args[0] == "-V")
	}
	s.status = 0
	if len(args) == 0 {
		return nil
	}
	if builtin := specialBuiltins[args[0]]; builtin != nil {
		return builtin(s, args[1:])
	}
	return s.runWithoutFunctions(args)
}

func (s *Shell) typeBuiltin(args []string) error {
	return s.describeAll(args, true)
}

func (s *Shell) describeAll(names []string, inWords bool) error {
	s.status = 0
	for _, name := range names {
		kind, place := s.whatIs(name)
		switch {
		case kind == "":
			s.status = 127
			if inWords {
				s.complain("%s: not found", name)
			}
		case inWords:
			fmt.Fprintf(s.streams.writer(1), "%s is %s\n", name, kind)
		default:
			fmt.Fprintln(s.streams.writer(1), place)
		}
	}
	return nil
}

func (s *Shell) whatIs(name string) (kind, place string) {
	switch {
	case syntax.IsKeyword(name):
		return "a shell keyword", name
	case s.functions[name] != nil:
		return "a function", name
	case specialBuiltins[name] != nil || builtins[name] != nil || s.builtinApplet(name) != nil:
		return "a shell builtin", name
	}
	process := s.asProcess(name)
	found, err := process.Programs.Find(process, name)
	if err != nil {
		return "", ""
	}
	if found.Path == "" {
		return "a command of the toolbox", name
	}
	return found.Path, found.Path
}

// declare is export, readonly, local, declare and typeset.
func (s *Shell) declare(clause *syntax.DeclClause) error {
	flags, assigns, err := s.declareWords(clause)
	if err != nil {
		return s.expansionFailed(err)
	}
	s.status = 0
	if len(assigns) == 0 {
		s.printVariables(clause.Variant.Value)
	}
	for _, each := range assigns {
		if err := s.declareOne(clause.Variant.Value, flags, each); err != nil {
			s.fail("%s: %s", clause.Variant.Value, err)
		}
	}
	return nil
}

type declared struct {
	name, value string
	hasValue    bool
}

func (s *Shell) declareWords(clause *syntax.DeclClause) (flags string, assigns []declared, err error) {
	for _, each := range clause.Args {
		if each.Name == nil || each.Array != nil || each.Index != nil {
			words, err := s.fields(each.Value)
			if err != nil {
				return "", nil, err
			}
			for _, word := range words {
				if strings.HasPrefix(word, "-") {
					flags += word[1:]
				} else {
					name, value, hasValue := strings.Cut(word, "=")
					assigns = append(assigns, declared{name, value, hasValue})
				}
			}
			continue
		}
		value, err := expand.Literal(s.expansion(), each.Value)
		if err != nil {
			return "", nil, err
		}
		if each.Append {
			value = s.variables[each.Name.Value].Str + value
		}
		assigns = append(assigns, declared{each.Name.Value, value, !each.Naked})
	}
	return flags, assigns, nil
}

func (s *Shell) declareOne(variant, flags string, item declared) error {
	if !syntax.ValidName(item.name) {
		return fmt.Errorf("%s: bad variable name", item.name)
	}
	if strings.ContainsAny(flags, "aA") {
		return fmt.Errorf("%s: this shell has no arrays", item.name)
	}
	if variant == "local" || (len(s.locals) > 0 && (variant == "declare" || variant == "typeset")) {
		if err := s.makeLocal(item.name); err != nil {
			return err
		}
	}
	if item.hasValue {
		if err := s.assign(item.name, item.value); err != nil {
			return err
		}
	}
	variable := s.variables[item.name]
	variable.Exported = variable.Exported || variant == "export" || strings.Contains(flags, "x")
	if variant == "export" && strings.Contains(flags, "n") {
		variable.Exported = false
	}
	variable.ReadOnly = variable.ReadOnly || variant == "readonly" || strings.Contains(flags, "r")
	s.variables[item.name] = variable
	return nil
}

func (s *Shell) export(name string) {
	variable := s.variables[name]
	variable.Exported = true
	s.variables[name] = variable
}

func (s *Shell) printVariables(variant string) {
	writer := bufio.NewWriter(s.streams.writer(1))
	defer writer.Flush()
	for _, name := range slices.Sorted(maps.Keys(s.variables)) {
		variable := s.variables[name]
		if variant == "" && variable.Set {
			fmt.Fprintf(writer, "%s=%s\n", name, quoted(variable.Str))
			continue
		}
		skipped := (variant == "export" && !variable.Exported) || (variant == "readonly" && !variable.ReadOnly)
		if variable.Set && !skipped {
			fmt.Fprintf(writer, "%s %s=%s\n", variant, name, quoted(variable.Str))
		}
	}
}

func quoted(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
