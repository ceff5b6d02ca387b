package awk

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatted is what printf makes of values. Where there are too few they are nothing.
func formatted(format string, values []value, numberFormat string) string {
	f := formatter{values: values, numberFormat: numberFormat}
	for {
		before, after, found := strings.Cut(format, "%")
		f.text.WriteString(before)
		if !found {
			return f.text.String()
		}
		format = f.directive(after)
	}
}

type formatter struct {
	text         strings.Builder
	values       []value
	numberFormat string
}

// directive returns what follows it.
func (f *formatter) directive(text string) string {
	length := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("-+ #0123456789.*hlLqjzt'", r) })
	if length < 0 {
		f.text.WriteString("%" + text)
		return ""
	}
	flags := strings.Map(func(r rune) rune {
		if strings.ContainsRune("hlLqjzt'", r) {
			return -1
		}
		return r
	}, text[:length])
	for strings.Contains(flags, "*") {
		flags = strings.Replace(flags, "*", strconv.Itoa(int(f.next().number())), 1)
	}
	f.convert("%"+flags, text[length])
	return text[length+1:]
}

func (f *formatter) next() value {
	if len(f.values) == 0 {
		return value{}
	}
	next := f.values[0]
	f.values = f.values[1:]
	return next
}

func (f *formatter) convert(flags string, verb byte) {
	switch verb {
	case '%':
		f.text.WriteByte('%')
	case 'c':
		f.write(withoutZero(flags), "s", letter(f.next()))
	case 's':
		f.write(withoutZero(flags), "s", f.next().text(f.numberFormat))
	case 'd', 'i':
		f.integer(flags, "d", f.next().number())
	case 'o', 'x', 'X', 'u':
		f.integer(flags, strings.Replace(string(verb), "u", "d", 1), f.next().number())
	case 'e', 'E', 'f', 'F', 'g', 'G':
		f.float(flags, verb, f.next().number())
	default:
		f.text.WriteString(flags + string(verb))
	}
}

func (f *formatter) write(flags, verb string, value any) {
	fmt.Fprintf(&f.text, flags+verb, value)
}

// withoutZero: a text is filled up with blanks.
func withoutZero(flags string) string {
	return "%" + strings.TrimLeft(strings.Trim(flags[1:], " #+"), "0")
}

func (f *formatter) integer(flags, verb string, n float64) {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		f.unusual(flags, n)
	case math.Abs(n) >= 1<<63:
		f.write(strings.Split(flags, ".")[0], ".0f", math.Trunc(n))
	case n < 0 && verb != "d":
		f.write(flags, verb, uint64(int64(n)))
	default:
		f.write(flags, verb, int64(n))
	}
}

func (f *formatter) float(flags string, verb byte, n float64) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		f.unusual(flags, n)
		return
	}
	if !strings.Contains(flags, ".") {
		flags += ".6"
	}
	f.write(flags, string(verb), n)
}

func (f *formatter) unusual(flags string, n float64) {
	text := strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(n, 'g', -1, 64)), "+")
	f.write(strings.Split(withoutZero(flags), ".")[0], "s", text)
}

// letter is the one of that number, or the first one of a text.
func letter(of value) string {
	if of.kind == number || of.kind == unset || (of.kind == input && of.numeric()) {
		return string(rune(of.number()))
	}
	_, size := utf8.DecodeRuneInString(of.s)
	return of.s[:size]
}
