package program

import (
	"fmt"
	"strings"
)

// Options are the letters that a command was called with, and their values.
type Options map[byte]string

// Has tells whether any of the letters was given.
func (o Options) Has(letters string) bool {
	for index := range len(letters) {
		if _, given := o[letters[index]]; given {
			return true
		}
	}
	return false
}

// Parse takes the options off the arguments, as getopt(3) does with this list of letters: a colon follows one with a value.
func (p *Process) Parse(letters string) (Options, []string, error) {
	options := Options{}
	args := p.Args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var err error
		if args, err = options.take(word[1:], letters, args); err != nil {
			return nil, nil, err
		}
	}
	return options, args, nil
}

func (o Options) take(word, letters string, args []string) ([]string, error) {
	for index := range len(word) {
		place := strings.IndexByte(letters, word[index])
		if place < 0 || word[index] == ':' {
			return nil, fmt.Errorf("invalid option -- '%c'", word[index])
		}
		if !strings.HasPrefix(letters[place+1:], ":") {
			o[word[index]] = ""
			continue
		}
		value := word[index+1:]
		if value == "" {
			if len(args) == 0 {
				return nil, fmt.Errorf("option requires an argument -- '%c'", word[index])
			}
			value, args = args[0], args[1:]
		}
		o[word[index]] = value
		break
	}
	return args, nil
}
