package applets

import (
	"bufio"
	"io"
	"strings"
	"unicode"

	"wasmlet.dev/toolbox/program"
)

type counts struct{ lines, words, letters, bytes, longest int }

// wc counts lines (-l), words (-w), letters (-m), bytes (-c) and the letters of the longest line (-L).
func wc(process *program.Process) int {
	options, names, err := process.Parse("clmLw", "bytes=c", "chars=m", "lines=l", "words=w", "max-line-length=L")
	if err != nil {
		return badUsage(process, err)
	}
	total := counts{}
	status := eachInput(process, names, func(name string, input io.Reader) error {
		counted, err := count(input)
		total.lines += counted.lines
		total.words += counted.words
		total.bytes += counted.bytes
		total.letters += counted.letters
		total.longest = max(total.longest, counted.longest)
		if name == "-" {
			name = ""
		}
		process.Printf("%s\n", counted.text(options, name, len(names) > 1))
		return err
	})
	if len(names) > 1 {
		process.Printf("%s\n", total.text(options, "total", true))
	}
	return status
}

func count(input io.Reader) (counts, error) {
	var counted counts
	reader := bufio.NewReaderSize(input, 64<<10)
	inWord, column := false, 0
	for {
		letter, size, err := reader.ReadRune()
		if err != nil {
			counted.longest = max(counted.longest, column)
			return counted, ignoreEnd(err)
		}
		counted.bytes += size
		counted.letters++
		column++
		if letter == '\n' {
			counted.lines++
			counted.longest = max(counted.longest, column-1)
			column = 0
		}
		isSpace := unicode.IsSpace(letter)
		if !isSpace && !inWord {
			counted.words++
		}
		inWord = !isSpace
	}
}

// text has columns where there are several numbers, as busybox prints them.
func (c counts) text(options program.Options, name string, isOneOfSeveral bool) string {
	var parts []string
	everything := !options.Has("clwmL")
	for _, each := range []struct {
		letter string
		number int
	}{{"l", c.lines}, {"w", c.words}, {"m", c.letters}, {"c", c.bytes}, {"L", c.longest}} {
		if (everything && strings.Contains("lwc", each.letter)) || options.Has(each.letter) {
			parts = append(parts, itoa(each.number))
		}
	}
	if len(parts) > 1 || isOneOfSeveral {
		parts = mapped(parts, func(part string) string { return padLeft(part, 9) })
	}
	if name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}
