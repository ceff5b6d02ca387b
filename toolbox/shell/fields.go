package shell

import "strings"

// fields is a line that read splits: an escaped letter separates nothing.
type fields struct {
	text       []byte
	escaped    []bool
	separators string
}

// split gives each of so many names its field, as POSIX's read does: what is left belongs to the last.
func (s *Shell) split(line string, names int, raw bool) []string {
	separators := s.variables["IFS"]
	if !separators.Set {
		separators.Str = " \t\n"
	}
	found := unescaped(line, raw, separators.Str)
	values := make([]string, names)
	start := found.afterSpace(0)
	for index := range values {
		end, next := found.field(start)
		if index == names-1 && next < len(found.text) {
			end = found.withoutSpaceAtEnd(start)
		}
		values[index] = string(found.text[start:end])
		start = next
	}
	return values
}

func unescaped(line string, raw bool, separators string) fields {
	found := fields{separators: separators}
	isEscaped := false
	for index := range len(line) {
		if line[index] == '\\' && !raw && !isEscaped {
			isEscaped = true
			continue
		}
		found.text = append(found.text, line[index])
		found.escaped = append(found.escaped, isEscaped)
		isEscaped = false
	}
	return found
}

// field is where the one that begins there ends, and where the next one begins.
func (f fields) field(start int) (end, next int) {
	end = start
	for end < len(f.text) && !f.isOneOf(end, f.separators) {
		end++
	}
	next = f.afterSpace(end)
	if next < len(f.text) && f.isOneOf(next, f.separators) {
		next = f.afterSpace(next + 1)
	}
	return end, next
}

func (f fields) afterSpace(start int) int {
	for start < len(f.text) && f.isSpace(start) {
		start++
	}
	return start
}

func (f fields) withoutSpaceAtEnd(start int) int {
	end := len(f.text)
	for end > start && f.isSpace(end-1) {
		end--
	}
	return end
}

func (f fields) isSpace(index int) bool {
	return f.isOneOf(index, f.separators) && f.isOneOf(index, " \t\n")
}

func (f fields) isOneOf(index int, letters string) bool {
	return !f.escaped[index] && strings.IndexByte(letters, f.text[index]) >= 0
}
