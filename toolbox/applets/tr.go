package applets

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// tr changes bytes: those of one set into another's, or deletes (-d) or squeezes (-s) them; -c means all others.
func tr(process *program.Process) int {
	options, sets, err := process.Parse("+cCdst", "delete=d", "squeeze-repeats=s", "complement=c")
	if err != nil {
		return badUsage(process, err)
	}
	if len(sets) == 0 || len(sets) > 2 || (len(sets) == 1 && !options.Has("ds")) {
		return usageOf(process)
	}
	from, err := expandSet(sets[0], 0)
	if err != nil {
		return badUsage(process, err)
	}
	if options.Has("cC") {
		from = complement(from)
	}
	var to []byte
	if len(sets) == 2 {
		if to, err = expandSet(sets[1], len(from)); err != nil {
			return badUsage(process, err)
		}
	}
	table := newTable(options, from, to, len(sets) == 2)
	if err := table.apply(process.Stdin, process.Stdout); err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	return 0
}

type byteTable struct {
	becomes  [256]byte
	deleted  [256]bool
	squeezed [256]bool
}

func newTable(options program.Options, from, to []byte, hasTarget bool) *byteTable {
	table := &byteTable{}
	for each := range 256 {
		table.becomes[each] = byte(each)
	}
	if options.Has("d") {
		for _, letter := range from {
			table.deleted[letter] = true
		}
	} else if hasTarget && len(to) > 0 {
		for index, letter := range from {
			table.becomes[letter] = to[min(index, len(to)-1)]
		}
	}
	if options.Has("s") {
		squeezed := from
		if hasTarget {
			squeezed = to
		}
		for _, letter := range squeezed {
			table.squeezed[letter] = true
		}
	}
	return table
}

func (t *byteTable) apply(input io.Reader, output io.Writer) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	block := make([]byte, 64<<10)
	last := -1
	for {
		length, err := reader.Read(block)
		kept := block[:0]
		for _, letter := range block[:length] {
			if t.deleted[letter] {
				continue
			}
			letter = t.becomes[letter]
			if t.squeezed[letter] && int(letter) == last {
				continue
			}
			last = int(letter)
			kept = append(kept, letter)
		}
		if _, failed := output.Write(kept); failed != nil {
			return failed
		}
		if err != nil {
			return ignoreEnd(err)
		}
	}
}

func complement(set []byte) []byte {
	var others []byte
	for each := range 256 {
		if bytes.IndexByte(set, byte(each)) < 0 {
			others = append(others, byte(each))
		}
	}
	return others
}

var classes = map[string]func(byte) bool{
	"alnum":  func(c byte) bool { return isLetter(c) || isDigit(c) },
	"alpha":  isLetter,
	"blank":  isBlank,
	"cntrl":  func(c byte) bool { return c < 32 || c == 127 },
	"digit":  isDigit,
	"graph":  func(c byte) bool { return c > 32 && c < 127 },
	"lower":  func(c byte) bool { return c >= 'a' && c <= 'z' },
	"print":  func(c byte) bool { return c >= 32 && c < 127 },
	"punct":  func(c byte) bool { return c > 32 && c < 127 && !isLetter(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || c >= 9 && c <= 13 },
	"upper":  func(c byte) bool { return c >= 'A' && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' },
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// expandSet is a set's bytes: with escapes, ranges, [:class:], [=c=] and [c*n], which fills up to a length.
func expandSet(text string, length int) ([]byte, error) {
	var set []byte
	for text != "" {
		if strings.HasPrefix(text, "[:") {
			if name, rest, found := strings.Cut(text[2:], ":]"); found {
				holds := classes[name]
				if holds == nil {
					return nil, fmt.Errorf("invalid character class '%s'", name)
				}
				for each := range 256 {
					if holds(byte(each)) {
						set = append(set, byte(each))
					}
				}
				text = rest
				continue
			}
		}
		if strings.HasPrefix(text, "[=") && len(text) >= 5 && text[3:5] == "=]" {
			set = append(set, text[2])
			text = text[5:]
			continue
		}
		if strings.HasPrefix(text, "[") && len(text) > 3 && text[2] == '*' {
			if count, rest, found := strings.Cut(text[3:], "]"); found {
				number, err := strconv.ParseInt("0"+count, 0, 32)
				if err == nil {
					if number == 0 {
						number = int64(max(0, length-len(set)))
					}
					set = append(set, bytes.Repeat([]byte{text[1]}, int(number))...)
					text = rest
					continue
				}
			}
		}
		var first byte
		first, text = setLetter(text)
		if len(text) > 1 && text[0] == '-' {
			var last byte
			last, text = setLetter(text[1:])
			if last < first {
				return nil, fmt.Errorf("range '%c-%c' is reversed", first, last)
			}
			for each := int(first); each <= int(last); each++ {
				set = append(set, byte(each))
			}
			continue
		}
		set = append(set, first)
	}
	return set, nil
}

func setLetter(text string) (letter byte, rest string) {
	if text[0] != '\\' || len(text) == 1 {
		return text[0], text[1:]
	}
	if single, known := escapes[text[1]]; known {
		return single, text[2:]
	}
	if value, length := digits(text[1:], 8, 3); length > 0 {
		return value, text[1+length:]
	}
	return text[1], text[2:]
}
