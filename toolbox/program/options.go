package program

import (
	"fmt"
	"slices"
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

// Or is the value of a letter, or another one where it was not given.
func (o Options) Or(letter byte, otherwise string) string {
	if value, given := o[letter]; given {
		return value
	}
	return otherwise
}

// Parse takes the options off the arguments, as getopt(3) does with this list of letters: a colon follows one with a
// value, a star one with several, which come back as lines. Options may stand behind operands too, unless the list
// begins with a plus. `long` are names for letters, as in "recursive=r".
func (p *Process) Parse(letters string, long ...string) (Options, []string, error) {
	options, operands := Options{}, []string{}
	stops := strings.HasPrefix(letters, "+")
	letters = strings.TrimPrefix(letters, "+")
	args := p.Args[1:]
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			return options, append(operands, args[1:]...), nil
		}
		isOption := len(word) > 1 && word[0] == '-'
		if !isOption && stops {
			break
		}
		args = args[1:]
		if !isOption {
			operands = append(operands, word)
			continue
		}
		var err error
		if strings.HasPrefix(word, "--") {
			word, err = short(word, letters, long)
		}
		if err == nil {
			args, err = options.take(word[1:], letters, args)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return options, append(operands, args...), nil
}

// short is the letter of a long option, with the value that stands behind an equals sign.
func short(word, letters string, long []string) (string, error) {
	name, value, hasValue := strings.Cut(word[2:], "=")
	place := slices.IndexFunc(long, func(each string) bool { return strings.HasPrefix(each, name+"=") })
	if place < 0 {
		return "", fmt.Errorf("unrecognized option '--%s'", name)
	}
	letter := long[place][len(name)+1:]
	if hasValue && takesValue(letters, strings.Index(letters, letter)) {
		return "-" + letter + value, nil
	}
	return "-" + letter, nil
}

func takesValue(letters string, place int) bool {
	return place+1 < len(letters) && (letters[place+1] == ':' || letters[place+1] == '*')
}

func (o Options) take(word, letters string, args []string) ([]string, error) {
	for index := range len(word) {
		place := strings.IndexByte(letters, word[index])
		if place < 0 || word[index] == ':' || word[index] == '*' {
			return nil, fmt.Errorf("invalid option -- '%c'", word[index])
		}
		if !takesValue(letters, place) {
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
		if former, given := o[word[index]]; given && letters[place+1] == '*' {
			value = former + "\n" + value
		}
		o[word[index]] = value
		break
	}
	return args, nil
}
