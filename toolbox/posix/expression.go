// Package posix turns POSIX's regular expressions into those of Go's regexp package.
package posix

import (
	"errors"
	"regexp"
	"strings"
)

var errBackReference = errors.New("back-references in a pattern are not supported")

// Compile compiles a basic or an extended regular expression. The longest of the leftmost matches is found.
func Compile(text string, extended, ignoresCase bool) (*regexp.Regexp, error) {
	translated, err := Translate(text, extended)
	if err != nil {
		return nil, err
	}
	if ignoresCase {
		translated = "(?i)" + translated
	}
	compiled, err := regexp.Compile(translated)
	if err != nil {
		return nil, errors.New("bad regex '" + text + "': " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	compiled.Longest()
	return compiled, nil
}

// Translate gives the expression in Go's syntax.
func Translate(text string, extended bool) (string, error) {
	t := translator{rest: text, extended: extended, atStart: true}
	for t.rest != "" {
		if err := t.step(); err != nil {
			return "", err
		}
	}
	return t.text.String(), nil
}

type translator struct {
	text     strings.Builder
	rest     string
	extended bool
	atStart  bool // of the expression, a group or an alternative: a star is itself there
}

const special = "+?|(){}"

func (t *translator) step() error {
	letter := t.rest[0]
	switch {
	case letter == '[':
		t.bracket()
		t.atStart = false
	case letter == '\\' && len(t.rest) > 1:
		return t.escaped()
	case letter == '*' && t.atStart:
		t.put(`\*`, 1)
	case strings.IndexByte(special, letter) >= 0:
		if t.extended {
			t.operator(letter, 1)
		} else {
			t.put(`\`+string(letter), 1)
		}
	case letter == '^' && !t.extended && !t.atStart:
		t.put(`\^`, 1)
	case letter == '$' && !t.extended && !t.atEnd():
		t.put(`\$`, 1)
	default:
		isAnchor := letter == '^' && t.atStart
		t.put(t.rest[:1], 1)
		t.atStart = isAnchor
	}
	return nil
}

func (t *translator) atEnd() bool {
	return len(t.rest) == 1 || strings.HasPrefix(t.rest[1:], `\)`) || strings.HasPrefix(t.rest[1:], `\|`)
}

func (t *translator) put(text string, length int) {
	t.text.WriteString(text)
	t.rest = t.rest[length:]
	t.atStart = false
}

func (t *translator) operator(letter byte, length int) {
	t.put(string(letter), length)
	t.atStart = letter == '(' || letter == '|'
}

func (t *translator) escaped() error {
	letter := t.rest[1]
	switch {
	case strings.IndexByte(special, letter) >= 0 && !t.extended:
		t.operator(letter, 2)
	case letter >= '1' && letter <= '9':
		return errBackReference
	case letter == '<' || letter == '>':
		t.put(`\b`, 2)
	case letter == 'n':
		t.put(`\n`, 2)
	case strings.IndexByte("bBwWsSdDtrfv", letter) >= 0:
		t.put(t.rest[:2], 2)
	default:
		t.put(regexp.QuoteMeta(string(letter)), 2)
	}
	return nil
}

// bracket copies [...], where a backslash is itself and a closing bracket may come first.
func (t *translator) bracket() {
	end := 1
	if strings.HasPrefix(t.rest[end:], "^") {
		end++
	}
	if strings.HasPrefix(t.rest[end:], "]") {
		end++
	}
	for end < len(t.rest) && t.rest[end] != ']' {
		if strings.HasPrefix(t.rest[end:], "[:") {
			if length := strings.Index(t.rest[end:], ":]"); length > 0 {
				end += length + 2
				continue
			}
		}
		end++
	}
	end = min(end+1, len(t.rest))
	t.put("["+protected(literal.Replace(t.rest[1:end])), end)
}

// literal makes what Go reads as special in a set mean itself.
var literal = strings.NewReplacer(`\n`, `\n`, `\t`, `\t`, `\]`, `\\]`, `\`, `\\`, `[:`, `[:`, `[`, `\[`)

// protected escapes a closing bracket that comes first.
func protected(set string) string {
	negation := ""
	if strings.HasPrefix(set, "^") {
		negation, set = "^", set[1:]
	}
	if strings.HasPrefix(set, "]") && len(set) > 1 {
		set = `\` + set
	}
	return negation + set
}
