package applets

import (
	"bufio"
	"io"
	"strings"
	"unicode"

	"wasmlet.dev/toolbox/program"
)

type counts struct{ lines, words, bytes int }

// wc counts lines (-l), words (-w) and bytes (-c).
func wc(process *program.Process) int {
	options, names, err := process.Parse("clw")
	if err != nil {
		return badUsage(process, err)
	}
	total := counts{}
	status := eachInput(process, names, func(name string, input io.Reader) error {
		counted, err := count(input)
		total.lines += counted.lines
		total.words += counted.words
		total.bytes += counted.bytes
		if name == "-" {
			name = ""
		}
		process.Printf("%s\n", counted.text(options, name))
		return err
	})
	if len(names) > 1 {
		process.Printf("%s\n", total.text(options, "total"))
	}
	return status
}

func count(input io.Reader) (counts, error) {
	var counted counts
	reader := bufio.NewReader(input)
	inWord := false
	for {
		letter, size, err := reader.ReadRune()
		if err != nil {
			return counted, ignoreEnd(err)
		}
		counted.bytes += size
		if letter == '\n' {
			counted.lines++
		}
		isSpace := unicode.IsSpace(letter)
		if !isSpace && !inWord {
			counted.words++
		}
		inWord = !isSpace
	}
}

func (c counts) text(options program.Options, name string) string {
	var parts []string
	everything := !options.Has("clw")
	for _, each := range []struct {
		letter string
		number int
	}{{"l", c.lines}, {"w", c.words}, {"c", c.bytes}} {
		if everything || options.Has(each.letter) {
			parts = append(parts, itoa(each.number))
		}
	}
	if name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}
