package applets

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"wasmlet.dev/toolbox/program"
)

type folder struct {
	width         int
	bytes, blanks bool
}

// fold breaks lines at a width (-w) in columns, or in bytes with -b; with -s behind a blank.
func fold(process *program.Process) int {
	process.Args = withLetter(process.Args, "-w")
	options, names, err := process.Parse("bsw:", "bytes=b", "width=w", "spaces=s")
	if err != nil {
		return badUsage(process, err)
	}
	width, err := strconv.Atoi(options.Or('w', "80"))
	if err != nil || width < 1 {
		return badUsage(process, errors.New("invalid number '"+options['w']+"'"))
	}
	work := folder{width, options.Has("b"), options.Has("s")}
	return eachWholeLine(process, names, work.fold)
}

// withLetter puts a letter before a number that stands for an option by itself, as in -20.
func withLetter(args []string, letter string) []string {
	changed := append([]string{}, args...)
	for index, word := range changed {
		if len(word) > 1 && word[0] == '-' && isDigit(word[1]) && strings.Trim(word[1:], "0123456789") == "" {
			changed[index] = letter + word[1:]
		}
	}
	return changed
}

func (f folder) fold(output *bufio.Writer, line string) {
	column, begin, blank := 0, 0, 0 // blank: the place behind the last one
	for place, letter := range line {
		if letter == '\n' {
			break
		}
		if f.advance(column, letter) > f.width && place > begin {
			end := place
			if f.blanks && blank > begin {
				end = blank
			}
			output.WriteString(line[begin:end] + "\n")
			begin, column = end, 0
			for _, former := range line[begin:place] {
				column = f.advance(column, former)
			}
		}
		column = f.advance(column, letter)
		if letter == ' ' || letter == '\t' {
			blank = place + 1
		}
	}
	output.WriteString(line[begin:])
}

// advance is the column behind a letter.
func (f folder) advance(column int, letter rune) int {
	switch {
	case f.bytes && letter != utf8.RuneError: // which stands for a byte that is no letter
		return column + utf8.RuneLen(letter)
	case letter == '\t':
		return column/8*8 + 8
	case letter == '\b':
		return max(0, column-1)
	case letter == '\r':
		return 0
	}
	return column + 1
}
