package applets

import (
	"fmt"
	"io"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// cat prints files in a row: with -n, -b lines are numbered, with -e, -t, -v, -A what is invisible is shown.
func cat(process *program.Process) int {
	options, names, err := process.Parse("AbEenTtuv", "number=n", "show-all=A")
	if err != nil {
		return badUsage(process, err)
	}
	if !options.Has("AbEenTtv") {
		return eachInput(process, names, func(_ string, input io.Reader) error {
			_, err := io.Copy(process.Stdout, input)
			return err
		})
	}
	output := buffered(process)
	defer output.Flush()
	number := 0
	return eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error {
			if options.Has("n") || (options.Has("b") && line != "") {
				number++
				fmt.Fprintf(output, "%6d\t", number)
			}
			output.WriteString(shown(line, options))
			return output.WriteByte('\n')
		})
	})
}

func shown(line string, options program.Options) string {
	var text strings.Builder
	for index := range len(line) {
		letter := line[index]
		if letter == '\t' && !options.Has("ATt") || !options.Has("AevtT") {
			text.WriteByte(letter)
			continue
		}
		if letter >= 128 {
			text.WriteString("M-")
			letter -= 128
		}
		switch {
		case letter < ' ':
			text.WriteString("^" + string(rune(letter+'@')))
		case letter == 127:
			text.WriteString("^?")
		default:
			text.WriteByte(letter)
		}
	}
	if options.Has("AeE") {
		text.WriteByte('$')
	}
	return text.String()
}
