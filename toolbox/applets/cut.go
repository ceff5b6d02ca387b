package applets

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"wasmlet.dev/toolbox/program"
)

type span struct{ first, last int }

// cut prints parts of each line: bytes (-b), characters (-c) or fields (-f, with -d and -s).
func cut(process *program.Process) int {
	options, names, err := process.Parse("b:c:d:f:nsO:", "bytes=b", "characters=c", "delimiter=d", "fields=f",
		"only-delimited=s", "output-delimiter=O")
	if err != nil {
		return badUsage(process, err)
	}
	list := options.Or('f', options.Or('c', options['b']))
	spans, err := readSpans(list)
	if err != nil {
		return badUsage(process, err)
	}
	output := buffered(process)
	defer output.Flush()
	delimiter := options.Or('d', "\t")
	joint := options.Or('O', delimiter)
	return eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error {
			switch {
			case options.Has("b"):
				line = chosen([]byte(line), spans)
			case options.Has("c"):
				line = chosen([]rune(line), spans)
			case strings.Contains(line, delimiter):
				line = strings.Join(choose(strings.Split(line, delimiter), spans), joint)
			case options.Has("s"):
				return nil
			}
			output.WriteString(line)
			return output.WriteByte('\n')
		})
	})
}

func chosen[Letter byte | rune](letters []Letter, spans []span) string {
	var text []byte
	for _, letter := range choose(letters, spans) {
		switch letter := any(letter).(type) {
		case byte:
			text = append(text, letter)
		case rune:
			text = utf8.AppendRune(text, letter)
		}
	}
	return string(text)
}

func choose[Item any](items []Item, spans []span) []Item {
	var kept []Item
	for index, item := range items {
		if slices.ContainsFunc(spans, func(each span) bool { return each.first <= index+1 && index+1 <= each.last }) {
			kept = append(kept, item)
		}
	}
	return kept
}

// readSpans reads a list as in 1,3-5,7-.
func readSpans(list string) ([]span, error) {
	if list == "" {
		return nil, fmt.Errorf("expected a list of bytes, characters, or fields")
	}
	var spans []span
	for _, each := range strings.Split(list, ",") {
		first, last, isRange := strings.Cut(each, "-")
		part := span{1, math.MaxInt}
		var err error
		if first != "" {
			part.first, err = strconv.Atoi(first)
		}
		if !isRange {
			part.last = part.first
		} else if last != "" && err == nil {
			part.last, err = strconv.Atoi(last)
		}
		if err != nil || part.first < 1 || part.last < part.first || each == "-" || each == "" {
			return nil, fmt.Errorf("invalid range '%s'", each)
		}
		spans = append(spans, part)
	}
	return spans, nil
}
