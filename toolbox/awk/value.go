// Package awk is the language of awk, as POSIX has it, with those of GNU's functions that are in daily use.
//
//	text ── lexer ──▶ tokens ── parser ──▶ functions that run on a machine
package awk

import (
	"math"
	"strconv"
	"strings"
)

type kind uint8

const (
	unset  kind = iota // of a variable that nothing was assigned to
	number             // n counts
	text               // s counts
	input              // s counts, and is a number where it looks like one
)

type value struct {
	kind kind
	n    float64
	s    string
}

func num(n float64) value      { return value{kind: number, n: n} }
func str(s string) value       { return value{kind: text, s: s} }
func fromInput(s string) value { return value{kind: input, s: s} }

func truth(is bool) value {
	if is {
		return num(1)
	}
	return num(0)
}

func (v value) number() float64 {
	if v.kind == number || v.kind == unset {
		return v.n
	}
	n, _ := numberAtStart(v.s)
	return n
}

// numeric tells whether it is compared as a number.
func (v value) numeric() bool {
	if v.kind != input {
		return v.kind != text
	}
	_, length := numberAtStart(v.s)
	return length > 0 && strings.Trim(v.s[length:], blanks) == ""
}

func (v value) isTrue() bool {
	if v.kind == number || (v.kind == input && v.numeric()) {
		return v.number() != 0
	}
	return v.s != ""
}

// text gives a number by a format such as CONVFMT's.
func (v value) text(format string) string {
	if v.kind != number {
		return v.s
	}
	if v.n == math.Trunc(v.n) && math.Abs(v.n) < 1e18 {
		return strconv.FormatInt(int64(v.n), 10)
	}
	return formatted(format, []value{v}, format)
}

func compare(a, b value, format string) int {
	if a.numeric() && b.numeric() {
		left, right := a.number(), b.number()
		switch {
		case left < right:
			return -1
		case left > right:
			return 1
		}
		return 0
	}
	return strings.Compare(a.text(format), b.text(format))
}

const blanks = " \t\n\r\f\v"

// numberAtStart is the number that a text begins with, and where that ends: 0 where there is none.
func numberAtStart(s string) (n float64, end int) {
	at := len(s) - len(strings.TrimLeft(s, blanks))
	start := at
	if at < len(s) && (s[at] == '-' || s[at] == '+') {
		at++
	}
	digits := at
	at = skipDigits(s, at)
	count := at - digits
	if at < len(s) && s[at] == '.' {
		fraction := skipDigits(s, at+1)
		count += fraction - at - 1
		at = fraction
	}
	if count == 0 {
		return 0, 0
	}
	if at < len(s) && (s[at] == 'e' || s[at] == 'E') {
		exponent := at + 1
		if exponent < len(s) && (s[exponent] == '-' || s[exponent] == '+') {
			exponent++
		}
		if after := skipDigits(s, exponent); after > exponent {
			at = after
		}
	}
	n, _ = strconv.ParseFloat(s[start:at], 64) // beyond its range it is infinite
	return n, at
}

func skipDigits(s string, at int) int {
	for at < len(s) && s[at] >= '0' && s[at] <= '9' {
		at++
	}
	return at
}

// array keeps its elements in the order in which they were made.
type array struct {
	items map[string]*item
	order []*item
}

type item struct {
	key   string
	value value
	gone  bool
}

func newArray() *array { return &array{items: map[string]*item{}} }

// at makes the element where there is none.
func (a *array) at(key string) *item {
	found := a.items[key]
	if found == nil {
		found = &item{key: key}
		a.items[key] = found
		a.order = append(a.order, found)
	}
	return found
}

func (a *array) delete(key string) {
	found := a.items[key]
	if found == nil {
		return
	}
	found.gone = true
	delete(a.items, key)
	if len(a.order) > 2*len(a.items)+8 {
		a.order = a.present()
	}
}

func (a *array) clear() {
	for _, each := range a.order {
		each.gone = true
	}
	a.items, a.order = map[string]*item{}, nil
}

func (a *array) present() []*item {
	items := make([]*item, 0, len(a.items))
	for _, each := range a.order {
		if !each.gone {
			items = append(items, each)
		}
	}
	return items
}

// cell is a variable: a value or an array, whichever it is used as first.
type cell struct {
	value
	array  *array
	caller *cell // what was given to a function as this parameter, before it was either
}

func (c *cell) asArray() *array {
	if c.array == nil {
		if c.kind != unset {
			fail("a scalar is used as an array")
		}
		if c.caller != nil {
			c.array = c.caller.asArray()
		} else {
			c.array = newArray()
		}
	}
	return c.array
}

func (c *cell) asValue() value {
	if c.array != nil {
		fail("an array is used as a scalar")
	}
	return c.value
}
