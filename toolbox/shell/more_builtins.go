package shell

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// sourcePath finds a file for the dot: a name without a slash on PATH too.
func (s *Shell) sourcePath(name string) string {
	if !strings.Contains(name, "/") {
		for _, dir := range strings.Split(s.variables["PATH"].Str, ":") {
			candidate := path.Join(s.process.Path(dir), name)
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
				return candidate
			}
		}
	}
	return s.process.Path(name)
}

// times tells how long the shell has run: WASI does not tell how much of it a processor was busy.
func (s *Shell) times([]string) error {
	passed := time.Since(s.start)
	line := fmt.Sprintf("%dm%.3fs 0m0.000s\n", int(passed.Minutes()), (passed % time.Minute).Seconds())
	fmt.Fprint(s.streams.writer(1), line+"0m0.000s 0m0.000s\n")
	s.status = 0
	return nil
}

// umask is always the same: the host gives new files their modes.
func (s *Shell) umask(args []string) error {
	s.status = 0
	if len(args) == 0 || args[0] == "-S" {
		fmt.Fprintln(s.streams.writer(1), "0022")
	} else if args[0] != "022" && args[0] != "0022" && args[0] != "22" {
		s.fail("umask: the host gives new files their modes; use chmod")
	}
	return nil
}

func (s *Shell) alias(args []string) error {
	s.status = 0
	if len(args) == 0 {
		for _, name := range slices.Sorted(maps.Keys(s.aliases)) {
			fmt.Fprintf(s.streams.writer(1), "%s=%s\n", name, quoted(s.aliases[name]))
		}
	}
	for _, arg := range args {
		name, value, isNew := strings.Cut(arg, "=")
		switch known, exists := s.aliases[name]; {
		case isNew:
			s.aliases[name] = value
		case exists:
			fmt.Fprintf(s.streams.writer(1), "%s=%s\n", name, quoted(known))
		default:
			s.fail("alias: %s not found", name)
		}
	}
	return nil
}

func (s *Shell) unalias(args []string) error {
	s.status = 0
	for _, name := range args {
		if name == "-a" {
			s.aliases = map[string]string{}
			continue
		}
		if _, exists := s.aliases[name]; !exists {
			s.fail("unalias: %s not found", name)
		}
		delete(s.aliases, name)
	}
	return nil
}

// expandAlias puts an alias's text in the place of a command's first word, as far as it is words.
func (s *Shell) expandAlias(args []string) []string {
	for range 10 {
		value, known := s.aliases[args[0]]
		if !known {
			return args
		}
		first := args[0]
		words, err := s.aliasWords(value)
		if err != nil || len(words) == 0 {
			return args
		}
		args = append(words, args[1:]...)
		if args[0] == first {
			return args
		}
	}
	return args
}

func (s *Shell) aliasWords(value string) ([]string, error) {
	var words []*syntax.Word
	for word, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).WordsSeq(strings.NewReader(value)) {
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return s.fields(words...)
}

// getopts takes one option off the parameters at a time.
func (s *Shell) getopts(args []string) error {
	if len(args) < 2 {
		s.complain("getopts: usage: getopts optstring name [arg]")
		s.status = 2
		return nil
	}
	letters, name, words := args[0], args[1], s.params
	if len(args) > 2 {
		words = args[2:]
	}
	index, place := 1, 1
	fmt.Sscan(s.variables["OPTIND"].Str, &index)
	if s.variables["OPTIND"].Str == s.getoptsIndex {
		place = max(1, s.getoptsPlace)
	}
	letter, value, status := s.nextOption(letters, words, &index, &place)
	s.status = status
	s.assign("OPTIND", fmt.Sprint(index))
	s.getoptsIndex, s.getoptsPlace = fmt.Sprint(index), place
	if err := s.assign(name, letter); err != nil {
		s.fail("getopts: %s", err)
	}
	if value == nil {
		s.unset("OPTARG")
		return nil
	}
	return s.assign("OPTARG", *value)
}

func (s *Shell) nextOption(letters string, words []string, index, place *int) (result string, value *string, status int) {
	isSilent := strings.HasPrefix(letters, ":")
	if *index > len(words) || len(words[*index-1]) < 2 || words[*index-1][0] != '-' {
		return "?", nil, 1
	}
	word := words[*index-1]
	if word == "--" {
		*index++
		return "?", nil, 1
	}
	letter := word[*place : *place+1]
	*place++
	known := strings.Index(strings.TrimPrefix(letters, ":"), letter)
	takesValue := known >= 0 && strings.HasPrefix(strings.TrimPrefix(letters, ":")[known+1:], ":")
	rest := word[*place:]
	if rest == "" || takesValue {
		*index++
		*place = 1
	}
	switch {
	case known < 0 || letter == ":":
		if isSilent {
			return "?", &letter, 0
		}
		s.complain("illegal option -%s", letter)
		return "?", nil, 0
	case !takesValue:
		return letter, nil, 0
	case rest != "":
		return letter, &rest, 0
	case *index <= len(words):
		value := words[*index-1]
		*index++
		return letter, &value, 0
	case isSilent:
		return ":", &letter, 0
	}
	s.complain("no arg for -%s option", letter)
	return "?", nil, 0
}

func (s *Shell) help([]string) error {
	names := append(slices.Collect(maps.Keys(builtins)), slices.Collect(maps.Keys(specialBuiltins))...)
	slices.Sort(names)
	commands := s.process.Programs.Names()
	slices.Sort(commands)
	fmt.Fprintf(s.streams.writer(1), "Built into the shell:\n  %s\nCommands (NAME --help tells more):\n  %s\n",
		strings.Join(names, " "), strings.Join(commands, " "))
	s.status = 0
	return nil
}

func (s *Shell) history([]string) error {
	s.status = 0
	if s.sits == nil {
		return nil
	}
	for number, line := range s.sits.lines {
		fmt.Fprintf(s.streams.writer(1), "%5d  %s\n", number+1, line)
	}
	return nil
}

// runApplet runs a command of the toolbox, whatever the files say.
func (s *Shell) runApplet(args []string) error {
	if main := s.process.Programs.Applet(args[0]); main != nil {
		s.status = program.Run(main, s.asProcess(args...))
		return nil
	}
	return s.runFile(args)
}
