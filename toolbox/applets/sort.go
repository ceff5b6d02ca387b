package applets

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// sortKey is a part of each line that decides: fields and characters are counted from 1, 0 means the end.
type sortKey struct {
	first, firstLetter int
	last, lastLetter   int
	flags              string
}

type sorter struct {
	options   program.Options
	separator string
	keys      []sortKey
}

// sort orders lines: with -b, -c, -d, -f, -h, -k, -M, -n, -o, -r, -s, -t, -u, -V and -z.
func sortLines(process *program.Process) int {
	options, names, err := process.Parse("bcCdfgihk*Mmno:rst:uVz", "reverse=r", "numeric-sort=n", "unique=u", "key=k",
		"field-separator=t", "output=o", "human-numeric-sort=h", "ignore-case=f", "stable=s", "version-sort=V")
	if err != nil {
		return badUsage(process, err)
	}
	order := sorter{options: options, separator: options['t']}
	if err := order.readKeys(); err != nil {
		return badUsage(process, err)
	}
	end := byte('\n')
	if options.Has("z") {
		end = 0
	}
	var lines []string
	status := eachInput(process, names, func(_ string, input io.Reader) error {
		return eachPart(input, end, func(line string) error {
			lines = append(lines, line)
			return nil
		})
	})
	if status != 0 {
		return 2
	}
	if options.Has("cC") {
		return order.check(process, lines)
	}
	slices.SortStableFunc(lines, order.compare)
	if options.Has("u") {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return order.byKeys(a, b) == 0 })
	}
	return writeSorted(process, options, lines, end)
}

func writeSorted(process *program.Process, options program.Options, lines []string, end byte) int {
	if name, given := options['o']; given {
		file, err := process.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			process.FailAt(name, err)
			return 2
		}
		defer file.Close()
		process = process.With(process.Args...)
		process.Stdout = file
	}
	output := buffered(process)
	for _, line := range lines {
		output.WriteString(line)
		output.WriteByte(end)
	}
	output.Flush()
	return 0
}

func (s *sorter) check(process *program.Process, lines []string) int {
	for index := 1; index < len(lines); index++ {
		order := s.compare(lines[index-1], lines[index])
		if order > 0 || (order == 0 && s.options.Has("u")) {
			if s.options.Has("c") {
				process.Fail("-:%d: disorder: %s", index+1, lines[index])
			}
			return 1
		}
	}
	return 0
}

func (s *sorter) readKeys() error {
	text, given := s.options['k']
	if !given {
		return nil
	}
	for _, each := range strings.Split(text, "\n") {
		key, err := readKey(each)
		if err != nil {
			return err
		}
		s.keys = append(s.keys, key)
	}
	return nil
}

func readKey(text string) (sortKey, error) {
	var key sortKey
	first, last, hasLast := strings.Cut(text, ",")
	var err error
	if key.first, key.firstLetter, key.flags, err = readPosition(first); err != nil || key.first == 0 {
		return key, fmt.Errorf("bad field specification '%s'", text)
	}
	if hasLast {
		var flags string
		if key.last, key.lastLetter, flags, err = readPosition(last); err != nil {
			return key, fmt.Errorf("bad field specification '%s'", text)
		}
		key.flags += flags
	}
	return key, nil
}

func readPosition(text string) (field, letter int, flags string, err error) {
	digits := strings.TrimRight(text, "bdfghiMnrV")
	flags = text[len(digits):]
	fieldText, letterText, hasLetter := strings.Cut(digits, ".")
	field, err = strconv.Atoi(fieldText)
	if err == nil && hasLetter {
		letter, err = strconv.Atoi(letterText)
	}
	return field, letter, flags, err
}

func (s *sorter) compare(a, b string) int {
	if order := s.byKeys(a, b); order != 0 || s.options.Has("su") {
		return order
	}
	order := strings.Compare(a, b)
	if s.options.Has("r") {
		return -order
	}
	return order
}

func (s *sorter) byKeys(a, b string) int {
	global := ""
	for _, letter := range "bdfghiMnrV" {
		if s.options.Has(string(letter)) {
			global += string(letter)
		}
	}
	if len(s.keys) == 0 {
		return compareBy(global, a, b)
	}
	for _, key := range s.keys {
		flags := key.flags
		if flags == "" {
			flags = global
		}
		if order := compareBy(flags, s.part(key, a), s.part(key, b)); order != 0 {
			return order
		}
	}
	return 0
}

// part is what a key chooses of a line.
func (s *sorter) part(key sortKey, line string) string {
	from := s.fieldStart(line, key.first)
	if key.firstLetter > 1 {
		from = min(from+key.firstLetter-1, len(line))
	}
	to := len(line)
	if key.last > 0 {
		if key.lastLetter > 0 {
			to = min(s.fieldStart(line, key.last)+key.lastLetter, len(line))
		} else if next := s.fieldStart(line, key.last+1); next < len(line) {
			to = next - len(s.separator)
		}
	}
	return line[min(from, to):to]
}

// fieldStart is where a field begins. Without a separator the blanks before a field are part of it.
func (s *sorter) fieldStart(line string, number int) int {
	place := 0
	for ; number > 1 && place < len(line); number-- {
		if s.separator != "" {
			index := strings.Index(line[place:], s.separator)
			if index < 0 {
				return len(line)
			}
			place += index + len(s.separator)
			continue
		}
		for place < len(line) && isBlank(line[place]) {
			place++
		}
		for place < len(line) && !isBlank(line[place]) {
			place++
		}
	}
	return place
}

func isBlank(letter byte) bool { return letter == ' ' || letter == '\t' }

func compareBy(flags, a, b string) int {
	if strings.Contains(flags, "r") {
		a, b = b, a
	}
	if strings.ContainsAny(flags, "bnghMV") {
		a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
	}
	if strings.Contains(flags, "d") {
		a, b = dictionary(a), dictionary(b)
	}
	if strings.Contains(flags, "f") {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	switch {
	case strings.ContainsAny(flags, "ng"):
		return cmp.Compare(leadingNumber(a), leadingNumber(b))
	case strings.Contains(flags, "h"):
		return cmp.Compare(humanNumber(a), humanNumber(b))
	case strings.Contains(flags, "M"):
		return cmp.Compare(month(a), month(b))
	case strings.Contains(flags, "V"):
		return compareVersions(a, b)
	}
	return strings.Compare(a, b)
}

func dictionary(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, text)
}

// leadingNumber is 0 where none is.
func leadingNumber(text string) float64 {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || end == 0 && text[end] == '-') {
		end++
	}
	number, _ := strconv.ParseFloat(text[:end], 64)
	return number
}

func humanNumber(text string) float64 {
	number := leadingNumber(text)
	digits := strings.TrimLeft(text, "-0123456789.")
	if digits == "" {
		return number
	}
	for power := strings.IndexByte("KMGTPE", strings.ToUpper(digits[:1])[0]) + 1; power > 0; power-- {
		number *= 1024
	}
	return number
}

func month(text string) int {
	if len(text) < 3 {
		return 0
	}
	return strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", strings.ToUpper(text[:3])) + 1
}

// compareVersions compares runs of digits as numbers and everything else as text.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			first, second := digitsOf(a), digitsOf(b)
			a, b = a[len(first):], b[len(second):]
			first, second = strings.TrimLeft(first, "0"), strings.TrimLeft(second, "0")
			if order := cmp.Or(cmp.Compare(len(first), len(second)), strings.Compare(first, second)); order != 0 {
				return order
			}
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func isDigit(letter byte) bool { return letter >= '0' && letter <= '9' }

func digitsOf(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}
