package awk

import (
	"fmt"
	"slices"
	"strings"
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	newline
	numberToken
	stringToken
	regexToken
	name
	called // a name with a parenthesis right behind it
	builtin
	keyword
	symbol
)

type token struct {
	kind tokenKind
	text string
	n    float64
	line int
}

var keywords = []string{
	"BEGIN", "END", "break", "continue", "delete", "do", "else", "exit", "for", "func", "function", "getline", "if", "in", "next",
	"nextfile", "print", "printf", "return", "while",
}

// symbols, longer ones first.
var symbols = []string{
	"**=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "**", "==", "<=", ">=", "!=", "!~", ">>",
	"{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=",
}

// failure is an error in a program or of its run.
type failure string

func fail(format string, values ...any) { panic(failure(fmt.Sprintf(format, values...))) }

type lexer struct {
	rest   string
	line   int
	tokens []token
}

func tokens(program string) []token {
	l := &lexer{rest: program, line: 1}
	for l.step() {
	}
	l.add(endToken, "end of program")
	return l.tokens
}

func (l *lexer) add(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: l.line})
}

func (l *lexer) step() bool {
	l.rest = strings.TrimLeft(l.rest, " \t\r")
	if l.rest == "" {
		return false
	}
	switch letter := l.rest[0]; {
	case letter == '\n':
		l.add(newline, "newline")
		l.line++
		l.rest = l.rest[1:]
	case letter == '\\' && strings.HasPrefix(strings.TrimPrefix(l.rest[1:], "\r"), "\n"):
		_, l.rest, _ = strings.Cut(l.rest, "\n")
		l.line++
	case letter == '#':
		l.rest = l.rest[len(l.rest)-len(strings.TrimLeftFunc(l.rest, func(r rune) bool { return r != '\n' })):]
	case letter == '"':
		l.quoted()
	case letter == '/' && l.regexMayFollow():
		l.regex()
	case isDigit(letter) || (letter == '.' && len(l.rest) > 1 && isDigit(l.rest[1])):
		l.number()
	case isLetter(letter):
		l.word()
	default:
		l.symbol()
	}
	return true
}

func isDigit(letter byte) bool { return letter >= '0' && letter <= '9' }

func isLetter(letter byte) bool {
	return letter == '_' || (letter|0x20 >= 'a' && letter|0x20 <= 'z')
}

// regexMayFollow: else a slash divides.
func (l *lexer) regexMayFollow() bool {
	if len(l.tokens) == 0 {
		return true
	}
	last := l.tokens[len(l.tokens)-1]
	switch last.kind {
	case numberToken, stringToken, name, builtin:
		return false
	case symbol:
		return !slices.Contains([]string{")", "]", "$", "++", "--"}, last.text)
	}
	return true
}

func (l *lexer) quoted() {
	for end := 1; end < len(l.rest); end++ {
		switch l.rest[end] {
		case '\\':
			end++
		case '"':
			l.add(stringToken, unescaped(l.rest[1:end]))
			l.line += strings.Count(l.rest[:end], "\n")
			l.rest = l.rest[end+1:]
			return
		}
	}
	fail("line %d: a text has no end", l.line)
}

func (l *lexer) regex() {
	for end, inSet := 1, false; end < len(l.rest) && l.rest[end] != '\n'; end++ {
		switch letter := l.rest[end]; {
		case letter == '\\':
			end++
		case letter == '[' && !inSet:
			inSet = true
			if strings.HasPrefix(l.rest[end+1:], "^") {
				end++
			}
			if strings.HasPrefix(l.rest[end+1:], "]") {
				end++
			}
		case letter == '[' && strings.HasPrefix(l.rest[end:], "[:"):
			if length := strings.Index(l.rest[end:], ":]"); length > 0 {
				end += length + 1
			}
		case letter == ']':
			inSet = false
		case letter == '/' && !inSet:
			l.add(regexToken, l.rest[1:end])
			l.rest = l.rest[end+1:]
			return
		}
	}
	fail("line %d: a regular expression has no end", l.line)
}

func (l *lexer) number() {
	var n float64
	end := len(l.rest) - len(strings.TrimLeft(l.rest, "0123456789abcdefABCDEFxX"))
	if strings.HasPrefix(l.rest, "0x") || strings.HasPrefix(l.rest, "0X") {
		for _, digit := range strings.ToLower(l.rest[2:end]) {
			n = n*16 + float64(strings.IndexRune("0123456789abcdef", digit))
		}
	} else {
		n, end = numberAtStart(l.rest)
	}
	l.add(numberToken, l.rest[:end])
	l.tokens[len(l.tokens)-1].n = n
	l.rest = l.rest[end:]
}

func (l *lexer) word() {
	end := 1
	for end < len(l.rest) && (isLetter(l.rest[end]) || isDigit(l.rest[end])) {
		end++
	}
	word := l.rest[:end]
	l.rest = l.rest[end:]
	switch {
	case slices.Contains(keywords, word):
		l.add(keyword, word)
	case isBuiltin(word):
		l.add(builtin, word)
	case strings.HasPrefix(l.rest, "("):
		l.add(called, word)
	default:
		l.add(name, word)
	}
}

func (l *lexer) symbol() {
	for _, each := range symbols {
		if strings.HasPrefix(l.rest, each) {
			l.rest = l.rest[len(each):]
			each = strings.Replace(each, "**", "^", 1)
			l.add(symbol, each)
			return
		}
	}
	fail("line %d: syntax error near %.1q", l.line, l.rest)
}

// unescaped is a text without its quotes.
func unescaped(quoted string) string {
	if !strings.Contains(quoted, `\`) {
		return quoted
	}
	var plain strings.Builder
	for quoted != "" {
		before, after, found := strings.Cut(quoted, `\`)
		plain.WriteString(before)
		if !found {
			break
		}
		if after == "" {
			plain.WriteByte('\\')
			break
		}
		letter, length := escape(after)
		plain.WriteString(letter)
		quoted = after[length:]
	}
	return plain.String()
}

// escape is what stands behind a backslash, and how long that is.
func escape(after string) (letter string, length int) {
	const names, letters = "abfnrtv", "\a\b\f\n\r\t\v"
	if place := strings.IndexByte(names, after[0]); place >= 0 {
		return letters[place : place+1], 1
	}
	switch {
	case after[0] == '\n':
		return "", 1
	case after[0] == '"' || after[0] == '\\' || after[0] == '/':
		return after[:1], 1
	case after[0] >= '0' && after[0] <= '7':
		code := byte(0)
		for length < 3 && length < len(after) && after[length] >= '0' && after[length] <= '7' {
			code = code<<3 | (after[length] - '0')
			length++
		}
		return string([]byte{code}), length
	}
	return `\` + after[:1], 1
}
