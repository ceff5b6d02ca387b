package applets

import (
	"bufio"
	"cmp"
	"fmt"
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
	inputs    [2]*joinInput
}

// joinInput is a file with the row that comes next. It is nil at the end.
type joinInput struct {
	name   string
	reader *bufio.Reader
	row    []string
	err    error
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
	if names[0] == "-" && names[1] == "-" {
		return process.Fail("both files cannot be the standard input")
	}
	work, err := newJoiner(process, options)
	if err != nil {
		return badUsage(process, err)
	}
	defer work.output.Flush()
	for side, name := range names {
		file, err := openInput(process, name)
		if err != nil {
			return process.FailAt(name, err)
		}
		defer file.Close()
		if err := refuseDirectory(file); err != nil {
			return process.FailAt(name, err)
		}
		work.inputs[side] = &joinInput{name: name, reader: bufio.NewReaderSize(file, 64<<10)}
		work.next(side)
	}
	work.merge()
	for _, input := range work.inputs {
		if input.err != nil {
			return process.FailAt(input.name, input.err)
		}
	}
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

// next takes the next row of a file.
func (j *joiner) next(side int) {
	input := j.inputs[side]
	line, err := input.reader.ReadString('\n')
	input.err = ignoreEnd(err)
	switch line = strings.TrimSuffix(line, "\n"); {
	case err != nil && line == "":
		input.row = nil
	case j.separator == "":
		input.row = append([]string{}, strings.Fields(line)...)
	default:
		input.row = strings.Split(line, j.separator)
	}
}

func (j *joiner) merge() {
	one, other := j.inputs[0], j.inputs[1]
	for one.row != nil || other.row != nil {
		program.Yield(j.process.Context)
		switch order := j.compare(one.row, other.row); {
		case order < 0:
			j.single(0, one.row)
			j.next(0)
		case order > 0:
			j.single(1, other.row)
			j.next(1)
		default:
			j.pairUp(j.key(0, one.row))
		}
	}
}

// pairUp pairs all rows that have a key. Those of the second file are kept.
func (j *joiner) pairUp(key string) {
	one, other := j.inputs[0], j.inputs[1]
	var alike [][]string
	for ; other.row != nil && j.key(1, other.row) == key; j.next(1) {
		alike = append(alike, other.row)
	}
	for ; one.row != nil && j.key(0, one.row) == key; j.next(0) {
		program.Yield(j.process.Context)
		for _, row := range alike {
			j.pair(one.row, row)
		}
	}
}

func (j *joiner) compare(one, other []string) int {
	switch {
	case one == nil:
		return 1
	case other == nil:
		return -1
	}
	return cmp.Compare(j.key(0, one), j.key(1, other))
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
