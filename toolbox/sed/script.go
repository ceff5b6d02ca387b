// Package sed is the stream editor: a script is read into commands, which are run on each line.
package sed

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/posix"
)

// address chooses lines.
type address struct {
	line, step int // step: first~step
	last       bool
	pattern    *regexp.Regexp
	more       int  // addr,+N
	multiple   int  // addr,~N
	isEmpty    bool // //: the pattern that was used last
}

type command struct {
	first, second *address
	negated       bool
	name          byte
	text          string // of a, i, c; the label of b, t, T; the file of r, w
	substitute    *substitution
	table         map[rune]rune // of y
	target        int           // of { , b, t, T: where to go on
	number        int           // of q, Q, l
	isActive      bool          // a range has begun
	endLine       int
}

type substitution struct {
	pattern     *regexp.Regexp // nil: the one that was used last
	replacement []piece
	all, prints bool
	number      int
	file        string
}

// piece is literal text, a group, or a change of case (one of L U l u E).
type piece struct {
	text  string
	group int
	fold  byte
}

// Script is what a sed program was read into.
type Script struct {
	commands []*command
	extended bool
	quiet    bool // its first line is #n
}

type parser struct {
	rest   string
	script *Script
	blocks []int
	labels map[string]int
}

// Parse reads a script.
func Parse(text string, extended bool) (*Script, error) {
	p := parser{rest: text, script: &Script{extended: extended}, labels: map[string]int{}}
	if text == "#n" || strings.HasPrefix(text, "#n\n") {
		p.script.quiet = true
	}
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n;")
		if p.rest == "" {
			return p.finish()
		}
		if p.rest[0] == '#' {
			_, p.rest, _ = strings.Cut(p.rest, "\n")
			continue
		}
		if err := p.command(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) finish() (*Script, error) {
	if len(p.blocks) > 0 {
		return nil, errors.New("unmatched '{'")
	}
	for _, each := range p.script.commands {
		if strings.IndexByte("btT", each.name) < 0 {
			continue
		}
		place, known := p.labels[each.text]
		switch {
		case each.text == "":
			each.target = len(p.script.commands)
		case known:
			each.target = place
		default:
			return nil, fmt.Errorf("can't find label '%s'", each.text)
		}
	}
	return p.script, nil
}

func (p *parser) command() error {
	made := &command{}
	var err error
	if made.first, err = p.address(); err != nil {
		return err
	}
	p.blanks()
	if made.first != nil && strings.HasPrefix(p.rest, ",") {
		p.rest = strings.TrimLeft(p.rest[1:], " \t")
		if made.second, err = p.address(); err != nil {
			return err
		}
		if made.second == nil {
			return errors.New("unexpected ','")
		}
	}
	p.blanks()
	for strings.HasPrefix(p.rest, "!") {
		made.negated = true
		p.rest = strings.TrimLeft(p.rest[1:], " \t")
	}
	if p.rest == "" {
		return errors.New("missing command")
	}
	made.name, p.rest = p.rest[0], p.rest[1:]
	if err := p.operands(made); err != nil {
		return err
	}
	if made.name != ':' {
		p.script.commands = append(p.script.commands, made)
	}
	return nil
}

func (p *parser) blanks() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *parser) operands(made *command) error {
	switch made.name {
	case '{':
		p.blocks = append(p.blocks, len(p.script.commands))
		return nil
	case '}':
		if len(p.blocks) == 0 {
			return errors.New("unexpected '}'")
		}
		opening := p.blocks[len(p.blocks)-1]
		p.blocks = p.blocks[:len(p.blocks)-1]
		p.script.commands[opening].target = len(p.script.commands) + 1
	case 'a', 'i', 'c':
		made.text = p.text()
		return nil
	case ':', 'b', 't', 'T':
		made.text = p.word(";\n}")
		if made.name == ':' {
			p.labels[made.text] = len(p.script.commands)
			return nil
		}
	case 'r', 'w':
		made.text = p.word("\n")
		if made.text == "" {
			return errors.New("missing filename in r/w commands")
		}
	case 's':
		if err := p.substitution(made); err != nil {
			return err
		}
	case 'y':
		if err := p.transliteration(made); err != nil {
			return err
		}
	case 'q', 'Q', 'l', 'L':
		made.number, _ = strconv.Atoi(p.word(";\n}"))
	case '=', 'd', 'D', 'g', 'G', 'h', 'H', 'n', 'N', 'p', 'P', 'x', 'z', 'F':
	default:
		return fmt.Errorf("unsupported command %c", made.name)
	}
	return p.end()
}

// end is what may follow a command on its line.
func (p *parser) end() error {
	p.blanks()
	if p.rest == "" || strings.IndexByte(";\n}#", p.rest[0]) >= 0 {
		return nil
	}
	return fmt.Errorf("extra characters after command: '%s'", p.rest)
}

func (p *parser) word(ends string) string {
	p.blanks()
	end := strings.IndexAny(p.rest, ends)
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	return word
}

// text is what a, i and c put out: the rest of the line, or the lines behind a backslash.
func (p *parser) text() string {
	p.blanks()
	if strings.HasPrefix(p.rest, "\\") {
		after := strings.TrimLeft(p.rest[1:], " \t")
		if strings.HasPrefix(after, "\n") {
			p.rest = after[1:]
		} else {
			p.rest = p.rest[1:]
		}
	}
	var text strings.Builder
	for p.rest != "" {
		letter := p.rest[0]
		p.rest = p.rest[1:]
		if letter == '\n' {
			break
		}
		if letter == '\\' && p.rest != "" {
			letter, p.rest = p.rest[0], p.rest[1:]
			if letter == 't' {
				letter = '\t'
			}
		}
		text.WriteByte(letter)
	}
	return text.String() + "\n"
}

func (p *parser) address() (*address, error) {
	switch {
	case p.rest == "":
		return nil, nil
	case p.rest[0] == '$':
		p.rest = p.rest[1:]
		return &address{last: true}, nil
	case p.rest[0] == '+' || p.rest[0] == '~':
		kind := p.rest[0]
		p.rest = p.rest[1:]
		number := p.number()
		if kind == '+' {
			return &address{more: number}, nil
		}
		return &address{multiple: number}, nil
	case p.rest[0] >= '0' && p.rest[0] <= '9':
		found := &address{line: p.number()}
		if strings.HasPrefix(p.rest, "~") {
			p.rest = p.rest[1:]
			found.step = p.number()
		}
		return found, nil
	case p.rest[0] == '/' || p.rest[0] == '\\':
		if p.rest[0] == '\\' {
			p.rest = p.rest[1:]
		}
		return p.patternAddress()
	}
	return nil, nil
}

func (p *parser) patternAddress() (*address, error) {
	text, err := p.delimited(true)
	if err != nil {
		return nil, err
	}
	ignoresCase := false
	for p.rest != "" && (p.rest[0] == 'I' || p.rest[0] == 'M') {
		ignoresCase = ignoresCase || p.rest[0] == 'I'
		p.rest = p.rest[1:]
	}
	if text == "" {
		return &address{isEmpty: true}, nil
	}
	pattern, err := posix.Compile(text, p.script.extended, ignoresCase)
	return &address{pattern: pattern}, err
}

func (p *parser) number() int {
	length := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
	number, _ := strconv.Atoi(p.rest[:length])
	p.rest = p.rest[length:]
	return number
}

// delimited reads up to the next delimiter, which stands first and is left standing for what follows.
func (p *parser) delimited(isPattern bool) (string, error) {
	if p.rest == "" {
		return "", errors.New("unterminated pattern")
	}
	delimiter := p.rest[0]
	var text strings.Builder
	inSet := false
	for index := 1; index < len(p.rest); index++ {
		letter := p.rest[index]
		switch {
		case letter == '\\' && index+1 < len(p.rest) && !inSet:
			index++
			if p.rest[index] != delimiter {
				text.WriteByte('\\')
			}
			text.WriteByte(p.rest[index])
			continue
		case letter == delimiter && !inSet:
			p.rest = p.rest[index+1:]
			return text.String(), nil
		case isPattern && letter == '[' && !inSet:
			inSet = true
			text.WriteByte(letter)
			for index+1 < len(p.rest) && (p.rest[index+1] == '^' || p.rest[index+1] == ']') {
				index++
				text.WriteByte(p.rest[index])
				if p.rest[index] == ']' {
					break
				}
			}
			continue
		case isPattern && letter == '[' && index+1 < len(p.rest) && p.rest[index+1] == ':':
			if length := strings.Index(p.rest[index:], ":]"); length > 0 {
				text.WriteString(p.rest[index : index+length+2])
				index += length + 1
				continue
			}
		case letter == ']':
			inSet = false
		}
		text.WriteByte(letter)
	}
	return "", fmt.Errorf("unterminated pattern: no closing '%c'", delimiter)
}

func (p *parser) substitution(made *command) error {
	before := p.rest
	text, err := p.delimited(true)
	if err != nil {
		return err
	}
	p.rest = before[:1] + p.rest
	replacement, err := p.delimited(false)
	if err != nil {
		return err
	}
	change := &substitution{replacement: pieces(replacement)}
	made.substitute = change
	ignoresCase, err := p.substitutionFlags(change)
	if err != nil || text == "" {
		return err
	}
	change.pattern, err = posix.Compile(text, p.script.extended, ignoresCase)
	if err != nil {
		return err
	}
	for _, each := range change.replacement {
		if each.group > change.pattern.NumSubexp() {
			return fmt.Errorf("invalid reference \\%d in 's' command", each.group)
		}
	}
	return nil
}

func (p *parser) substitutionFlags(change *substitution) (ignoresCase bool, err error) {
	for p.rest != "" {
		letter := p.rest[0]
		switch {
		case letter == 'g':
			change.all = true
		case letter == 'p':
			change.prints = true
		case letter == 'i' || letter == 'I':
			ignoresCase = true
		case letter == 'm' || letter == 'M':
		case letter >= '1' && letter <= '9':
			change.number = p.number()
			continue
		case letter == 'w':
			p.rest = p.rest[1:]
			change.file = p.word("\n")
			return ignoresCase, nil
		default:
			return ignoresCase, nil
		}
		p.rest = p.rest[1:]
	}
	return ignoresCase, nil
}

// pieces splits a replacement at & and \1, and at GNU's changes of case.
func pieces(text string) []piece {
	var found []piece
	literal := ""
	flush := func(next piece) {
		if literal != "" {
			found = append(found, piece{text: literal, group: -1})
			literal = ""
		}
		found = append(found, next)
	}
	for index := 0; index < len(text); index++ {
		letter := text[index]
		if letter == '&' {
			flush(piece{group: 0})
			continue
		}
		if letter != '\\' || index+1 == len(text) {
			literal += string(letter)
			continue
		}
		index++
		switch letter = text[index]; {
		case letter >= '0' && letter <= '9':
			flush(piece{group: int(letter - '0')})
		case strings.IndexByte("LUluE", letter) >= 0:
			flush(piece{group: -1, fold: letter})
		case letter == 'n':
			literal += "\n"
		case letter == 't':
			literal += "\t"
		default:
			literal += string(letter)
		}
	}
	if literal != "" {
		found = append(found, piece{text: literal, group: -1})
	}
	return found
}

func (p *parser) transliteration(made *command) error {
	before := p.rest
	from, err := p.delimited(false)
	if err != nil {
		return err
	}
	p.rest = before[:1] + p.rest
	to, err := p.delimited(false)
	if err != nil {
		return err
	}
	unescaped := strings.NewReplacer(`\n`, "\n", `\\`, `\`)
	source, target := []rune(unescaped.Replace(from)), []rune(unescaped.Replace(to))
	if len(source) != len(target) {
		return errors.New("strings for 'y' command are different lengths")
	}
	made.table = map[rune]rune{}
	for index, letter := range source {
		made.table[letter] = target[index]
	}
	return nil
}
