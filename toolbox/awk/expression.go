package awk

import (
	"regexp"
	"strings"
)

// expression turns an extended regular expression, as awk has them, into Go's. A backslash is one in a set, too.
func expression(text string) (*regexp.Regexp, error) {
	t := expressionReader{rest: text, atStart: true}
	t.text.WriteString("(?s)")
	for t.rest != "" {
		t.step()
	}
	compiled, err := regexp.Compile(t.text.String())
	if err != nil {
		return nil, failure("bad regular expression /" + text + "/: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	compiled.Longest()
	return compiled, nil
}

func (f failure) Error() string { return string(f) }

type expressionReader struct {
	text    strings.Builder
	rest    string
	atStart bool   // where nothing is there to be repeated
	repeats string // what was written last, if that repeats
}

var interval = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)

func (t *expressionReader) step() {
	letter := t.rest[0]
	switch {
	case letter == '\\' && len(t.rest) > 1:
		t.escaped()
	case letter == '[':
		t.set()
	case strings.IndexByte("*+?", letter) >= 0 && !t.atStart:
		t.repeat()
	case letter == '{' && !t.atStart && interval.MatchString(t.rest):
		t.put(interval.FindString(t.rest), len(interval.FindString(t.rest)))
	case letter == '(' || letter == '|' || letter == '^':
		t.put(t.rest[:1], 1)
		t.atStart = true
	case letter == ')' || letter == '.' || letter == '$':
		t.put(t.rest[:1], 1)
	case letter < 0x80:
		t.put(regexp.QuoteMeta(t.rest[:1]), 1)
	default:
		t.put(t.rest[:1], 1)
	}
}

func (t *expressionReader) put(text string, length int) {
	t.text.WriteString(text)
	t.rest = t.rest[length:]
	t.atStart, t.repeats = false, ""
}

// repeat heeds that Go means something else by two in a row.
func (t *expressionReader) repeat() {
	sign := t.rest[:1]
	switch {
	case t.repeats == "":
		t.put(sign, 1)
		t.repeats = sign
	case t.repeats == sign || t.repeats == "*":
		t.rest = t.rest[1:]
	default:
		written := strings.TrimSuffix(t.text.String(), t.repeats) + "*"
		t.text.Reset()
		t.text.WriteString(written)
		t.rest, t.repeats = t.rest[1:], "*"
	}
}

func (t *expressionReader) escaped() {
	switch letter := t.rest[1]; {
	case strings.IndexByte("wWsSB", letter) >= 0:
		t.put(t.rest[:2], 2)
	case letter == 'y' || letter == '<' || letter == '>':
		t.put(`\b`, 2)
	default:
		plain, length := escape(t.rest[1:])
		if len(plain) == 2 {
			plain = plain[1:] // of a letter that has no meaning of its own
		}
		t.put(regexp.QuoteMeta(plain), 1+length)
	}
}

// set copies [...].
func (t *expressionReader) set() {
	var set strings.Builder
	at := 1
	if strings.HasPrefix(t.rest[at:], "^") {
		set.WriteByte('^')
		at++
	}
	for first := true; at < len(t.rest) && (t.rest[at] != ']' || first); first = false {
		rest := t.rest[at:]
		length := strings.Index(rest, ":]") + 2
		switch {
		case strings.HasPrefix(rest, "[:") && length > 2:
			set.WriteString(rest[:length])
			at += length
		case rest[0] == '\\' && len(rest) > 1:
			plain, length := escape(rest[1:])
			set.WriteString(inSet(plain[len(plain)-1:]))
			at += 1 + length
		case strings.IndexByte(`[]\^`, rest[0]) >= 0:
			set.WriteString(inSet(rest[:1]))
			at++
		default:
			set.WriteByte(rest[0])
			at++
		}
	}
	if at >= len(t.rest) {
		t.put(`\[`, 1) // it has no end: a bracket like any letter
		return
	}
	t.put("["+set.String()+"]", at+1)
}

// inSet makes a letter mean itself.
func inSet(letter string) string {
	if strings.Contains(`[]\^-`, letter) {
		return `\` + letter
	}
	return letter
}
