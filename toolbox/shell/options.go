package shell

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (o options) String() string {
	text := ""
	for _, letter := range "aefmnuvx" {
		if *o.flag(letter) {
			text += string(letter)
		}
	}
	return text
}

func (o *options) flag(letter rune) *bool {
	switch letter {
	case 'e':
		return &o.exitOnError
	case 'u':
		return &o.noUnset
	case 'x':
		return &o.trace
	case 'f':
		return &o.noGlob
	case 'a':
		return &o.exportAll
	case 'n':
		return &o.noExec
	case 'v':
		return &o.verbose
	case 'm':
		return &o.monitor
	case 'C':
		return &o.noClobber
	case pipeFail:
		return &o.pipeFail
	}
	return nil
}

// pipeFail is the option that has a name only.
const pipeFail = 'P'

var longOptions = map[string]rune{"allexport": 'a', "errexit": 'e', "monitor": 'm', "noclobber": 'C', "noexec": 'n', "noglob": 'f',
	"nounset": 'u', "pipefail": pipeFail, "verbose": 'v', "xtrace": 'x'}

// setOption heeds a word like -eu, +x or -o; `more` follows it. It returns what is left of more.
func (s *Shell) setOption(word string, more []string) ([]string, error) {
	isOn := strings.HasPrefix(word, "-")
	for _, letter := range word[min(1, len(word)):] {
		if letter == 'o' {
			if len(more) == 0 {
				s.printOptions()
				return nil, nil
			}
			named, known := longOptions[more[0]]
			if !known {
				return nil, fmt.Errorf("set: illegal option %so %s", word[:1], more[0])
			}
			letter = named
			more = more[1:]
		} else if letter == pipeFail {
			letter = 0
		}
		flag := s.options.flag(letter)
		if flag == nil {
			return nil, fmt.Errorf("set: illegal option %s", word)
		}
		*flag = isOn
	}
	return more, nil
}

func (s *Shell) printOptions() {
	for _, name := range slices.Sorted(maps.Keys(longOptions)) {
		state := "off"
		if *s.options.flag(longOptions[name]) {
			state = "on"
		}
		fmt.Fprintf(s.streams.writer(1), "%-15s %s\n", name, state)
	}
}

// set is the builtin: options, then parameters. Without either it prints the variables.
func (s *Shell) set(args []string) error {
	s.status = 0
	if len(args) == 0 {
		s.printVariables("")
		return nil
	}
	for len(args) > 0 {
		word := args[0]
		isOption := len(word) > 1 && (word[0] == '-' || word[0] == '+')
		if !isOption || word == "--" {
			break
		}
		rest, err := s.setOption(word, args[1:])
		if err != nil {
			s.complain("%s", err)
			s.status = 2
			return exit
		}
		args = rest
	}
	if len(args) > 0 {
		if args[0] == "--" {
			args = args[1:]
		}
		s.params = args
	}
	return nil
}
