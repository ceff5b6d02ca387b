package shell

import (
	"fmt"
	"strings"
)

func (o options) String() string {
	text := ""
	for _, letter := range "efux" {
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
	}
	return nil
}

var longOptions = map[string]rune{"errexit": 'e', "nounset": 'u', "xtrace": 'x', "noglob": 'f'}

// setOption heeds a word like -eu, +x or -o; `more` follows it. It returns what is left of more.
func (s *Shell) setOption(word string, more []string) ([]string, error) {
	isOn := strings.HasPrefix(word, "-")
	for _, letter := range word[min(1, len(word)):] {
		if letter == 'o' {
			if len(more) == 0 {
				return nil, fmt.Errorf("set: %s needs the name of an option", word)
			}
			letter = longOptions[more[0]]
			more = more[1:]
		}
		flag := s.options.flag(letter)
		if flag == nil {
			return nil, fmt.Errorf("set: %s: this shell has the options -e, -f, -u and -x", word)
		}
		*flag = isOn
	}
	return more, nil
}

// set is the builtin: options, then parameters.
func (s *Shell) set(args []string) error {
	s.status = 0
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
