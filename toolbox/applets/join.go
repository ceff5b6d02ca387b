package applets

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// joinedField is one of the output's: of the first or the second file, or the common one.
type joinedField struct{ side, field int }

const bothSides = -1

type joiner struct {
	process   *program.Process
	output    *bufio.Writer
	keys      [2]int
	separator string // empty: blanks
	empty     string
	ignores   bool // upper and lower case
	fields    []joinedField
	pairs     bool
	singles   [2]bool
}

// join puts lines of two sorted files side by side that have a field in common: with -1, -2, -j, -a, -v, -e, -i, -o and -t.
func join(process *program.Process) int {
	options, names, err := process.Parse("1:2:a*e:ij:o*t:v*", "ignore-case=i")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) != 2 {
		return usageOf(process)
	}
	work, err := newJoiner(process, options)
	if err != nil {
		return badUsage(process, err)
	}
	defer work.output.Flush()
	var rows [2][][]string
	for side, name := range names {
		if rows[side], err = work.read(name); err != nil {
			return process.FailAt(name, err)
		}
	}
	work.merge(rows[0], rows[1])
	return 0
}

func newJoiner(process *program.Process, options program.Options) (*joiner, error) {
	work := &joiner{process: process, output: buffered(process), separator: options['t'], empty: options['e'],
		ignores: options.Has("i"), pairs: !options.Has("v")}
	var err error
	for side, letter := range []byte{'1', '2'} {
		number := options.Or(letter, options.Or('j', "1"))
		if work.keys[side], err = strconv.Atoi(number); err != nil || work.keys[side] < 1 {
			return nil, fmt.Errorf("invalid field number '%s'", number)
		}
		work.keys[side]--
	}
	for _, letter := range []byte{'a', 'v'} {
		for _, number := range strings.Fields(options[letter]) {
			if number != "1" && number != "2" {
				return nil, fmt.Errorf("invalid file number '%s'", number)
			}
			work.singles[number[0]-'1'] = true
		}
	}
	work.fields, err = joinedFields(options['o'])
	return work, err
}

// joinedFields reads a list as 1.2,2.1,0.
func joinedFields(text string) ([]joinedField, error) {
	var fields []joinedField
	for _, word := range strings.FieldsFunc(text, func(letter rune) bool { return strings.ContainsRune(", \n", letter) }) {
		side, number, _ := strings.Cut(word, ".")
		field, err := strconv.Atoi(number)
		switch {
		case word == "0":
			fields = append(fields, joinedField{bothSides, 0})
		case (side == "1" || side == "2") && err == nil && field > 0:
			fields = append(fields, joinedField{int(side[0] - '1'), field - 1})
		default:
			return nil, fmt.Errorf("invalid field '%s'", word)
		}
	}
	return fields, nil
}

func (j *joiner) read(name string) ([][]string, error) {
	var rows [][]string
	err := readInput(j.process, name, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error {
			if j.separator == "" {
				rows = append(rows, strings.Fields(line))
			} else {
				rows = append(rows, strings.Split(line, j.separator))
			}
			return nil
		})
	})
	return rows, err
}

func (j *joiner) merge(one, other [][]string) {
	for len(one) > 0 || len(other) > 0 {
		program.Yield(j.process.Context)
		switch order := j.compare(one, other); {
		case order < 0:
			j.single(0, one[0])
			one = one[1:]
		case order > 0:
			j.single(1, other[0])
			other = other[1:]
		default:
			first, second := j.alike(0, one), j.alike(1, other)
			for _, left := range one[:first] {
				for _, right := range other[:second] {
					j.pair(left, right)
				}
			}
			one, other = one[first:], other[second:]
		}
	}
}

func (j *joiner) compare(one, other [][]string) int {
	switch {
	case len(one) == 0:
		return 1
	case len(other) == 0:
		return -1
	}
	return cmp.Compare(j.key(0, one[0]), j.key(1, other[0]))
}

// alike is how many rows at the beginning have the same key.
func (j *joiner) alike(side int, rows [][]string) int {
	count := 1
	for count < len(rows) && j.key(side, rows[count]) == j.key(side, rows[0]) {
		count++
	}
	return count
}

func (j *joiner) key(side int, row []string) string {
	key := fieldOr(row, j.keys[side], "")
	if j.ignores {
		return strings.ToLower(key)
	}
	return key
}

func fieldOr(row []string, field int, otherwise string) string {
	if field < len(row) && row[field] != "" {
		return row[field]
	}
	return otherwise
}

func (j *joiner) pair(one, other []string) {
	if j.pairs {
		j.print(fieldOr(one, j.keys[0], j.empty), [2][]string{one, other})
	}
}

func (j *joiner) single(side int, row []string) {
	if j.singles[side] {
		rows := [2][]string{}
		rows[side] = row
		j.print(fieldOr(row, j.keys[side], j.empty), rows)
	}
}

func (j *joiner) print(key string, rows [2][]string) {
	words := []string{}
	for _, each := range j.fields {
		if each.side == bothSides {
			words = append(words, key)
		} else {
			words = append(words, fieldOr(rows[each.side], each.field, j.empty))
		}
	}
	if len(j.fields) == 0 {
		words = append(append([]string{key}, j.others(0, rows[0])...), j.others(1, rows[1])...)
	}
	j.output.WriteString(strings.Join(words, orDefault(j.separator, " ")) + "\n")
}

// others are the fields of a row but for the common one.
func (j *joiner) others(side int, row []string) []string {
	key := min(j.keys[side], len(row))
	return append(append([]string{}, row[:key]...), row[min(key+1, len(row)):]...)
}
