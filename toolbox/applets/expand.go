package applets

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"wasmlet.dev/toolbox/program"
)

const widestTab = 1 << 16

// expand makes blanks of tabs, with -i only of those before anything else.
func expand(process *program.Process) int {
	options, names, err := process.Parse("it:", "initial=i", "tabs=t")
	if err != nil {
		return badUsage(process, err)
	}
	stop, err := tabStop(options)
	if err != nil {
		return badUsage(process, err)
	}
	return eachWholeLine(process, names, func(output *bufio.Writer, line string) {
		column, isInitial := 0, true
		for line != "" {
			letter, size := utf8.DecodeRuneInString(line)
			isInitial = isInitial && (letter == ' ' || letter == '\t')
			if letter == '\t' && (isInitial || !options.Has("i")) {
				width := stop - column%stop
				output.WriteString(strings.Repeat(" ", width))
				column += width
			} else {
				output.WriteString(line[:size])
				column++
			}
			line = line[size:]
		}
	})
}

// unexpand makes tabs of the blanks before anything else, with -a or -t of two and more anywhere.
func unexpand(process *program.Process) int {
	options, names, err := process.Parse("aft:", "all=a", "first-only=f", "tabs=t")
	if err != nil {
		return badUsage(process, err)
	}
	stop, err := tabStop(options)
	if err != nil {
		return badUsage(process, err)
	}
	everywhere := options.Has("at") && !options.Has("f")
	return eachWholeLine(process, names, func(output *bufio.Writer, line string) {
		column := 0
		for line != "" {
			rest := strings.TrimLeft(line, " \t")
			column = writeBlanks(output, line[:len(line)-len(rest)], column, stop)
			if !everywhere {
				output.WriteString(rest)
				break
			}
			word := rest
			if blank := strings.IndexAny(rest, " \t"); blank >= 0 {
				word = rest[:blank]
			}
			output.WriteString(word)
			column += len([]rune(word))
			line = rest[len(word):]
		}
	})
}

// writeBlanks writes blanks as tabs, as far as they reach one, and gives the column behind them.
func writeBlanks(output *bufio.Writer, blanks string, column, stop int) int {
	end := column
	for _, letter := range blanks {
		if letter == '\t' {
			end += stop - end%stop
		} else {
			end++
		}
	}
	if blanks != " " || column == 0 {
		for next := column + stop - column%stop; next <= end; next += stop {
			output.WriteByte('\t')
			column = next
		}
	}
	output.WriteString(strings.Repeat(" ", end-column))
	return end
}

func tabStop(options program.Options) (int, error) {
	text := options.Or('t', "8")
	stop, err := strconv.Atoi(text)
	if err != nil || stop < 1 || stop > widestTab {
		return 0, errors.New("invalid number '" + text + "'")
	}
	return stop, nil
}
