package applets

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type printer struct {
	process *program.Process
	text    strings.Builder
	args    []string
	status  int
	stopped bool
}

// printf repeats its format until all arguments are used.
func printf(process *program.Process) int {
	words := process.Args[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return badUsage(process, fmt.Errorf("which format?"))
	}
	print := printer{process: process, args: words[1:]}
	for process.Context.Err() == nil {
		before := len(print.args)
		print.format(words[0])
		if print.stopped || len(print.args) == 0 || len(print.args) == before {
			break
		}
	}
	io.WriteString(process.Stdout, print.text.String())
	return print.status
}

func (p *printer) format(format string) {
	for format != "" && !p.stopped {
		literal, rest, found := strings.Cut(format, "%")
		plain, stopped := unescape(literal)
		p.text.WriteString(plain)
		p.stopped = stopped
		if !found || stopped {
			return
		}
		format = p.directive(rest)
	}
}

// directive prints one argument and returns what follows the directive.
func (p *printer) directive(text string) string {
	if strings.HasPrefix(text, "%") {
		p.text.WriteByte('%')
		return text[1:]
	}
	length := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("-+ #0123456789.*", r) })
	if length < 0 {
		p.text.WriteString("%" + text)
		return ""
	}
	flags := text[:length]
	for strings.Contains(flags, "*") {
		flags = strings.Replace(flags, "*", strconv.FormatInt(p.number(), 10), 1)
	}
	p.convert("%"+flags, text[length])
	return text[length+1:]
}

func (p *printer) convert(flags string, verb byte) {
	switch verb {
	case 's':
		fmt.Fprintf(&p.text, flags+"s", p.next())
	case 'b':
		plain, stopped := unescape(p.next())
		p.stopped = stopped
		fmt.Fprintf(&p.text, flags+"s", plain)
	case 'c':
		word := p.next()
		fmt.Fprintf(&p.text, flags+"s", word[:min(1, len(word))])
	case 'd', 'i':
		fmt.Fprintf(&p.text, flags+"d", p.number())
	case 'u':
		fmt.Fprintf(&p.text, flags+"d", uint64(p.number()))
	case 'o', 'x', 'X':
		fmt.Fprintf(&p.text, flags+string(verb), uint64(p.number()))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		value, err := strconv.ParseFloat(p.next(), 64)
		p.judge(err)
		fmt.Fprintf(&p.text, flags+string(verb), value)
	default:
		p.status = p.process.Fail("%%%c: invalid directive", verb)
		p.stopped = true
	}
}

func (p *printer) next() string {
	if len(p.args) == 0 {
		return ""
	}
	word := p.args[0]
	p.args = p.args[1:]
	return word
}

func (p *printer) number() int64 {
	word := p.next()
	if word == "" {
		return 0
	}
	if word[0] == '\'' || word[0] == '"' {
		for _, letter := range word[1:] {
			return int64(letter)
		}
	}
	value, err := strconv.ParseInt(word, 0, 64)
	p.judge(err)
	return value
}

func (p *printer) judge(err error) {
	if err != nil {
		p.status = p.process.Fail("invalid number: %s", err.(*strconv.NumError).Num)
	}
}
