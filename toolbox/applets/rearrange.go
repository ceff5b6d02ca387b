package applets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// rev turns each line round.
func rev(process *program.Process) int {
	return eachOutputLine(process, process.Args[1:], func(output *bufio.Writer, line string) {
		letters := []rune(line)
		slices.Reverse(letters)
		output.WriteString(string(letters) + "\n")
	})
}

func eachOutputLine(process *program.Process, names []string, print func(output *bufio.Writer, line string)) int {
	output := buffered(process)
	defer output.Flush()
	return eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, func(line string) error {
			print(output, line)
			return process.Context.Err()
		})
	})
}

// tac prints lines in the other order.
func tac(process *program.Process) int {
	output := buffered(process)
	defer output.Flush()
	return eachInput(process, process.Args[1:], func(_ string, input io.Reader) error {
		var lines []string
		err := eachLine(input, func(line string) error { lines = append(lines, line); return nil })
		slices.Reverse(lines)
		for _, line := range lines {
			output.WriteString(line + "\n")
		}
		return err
	})
}

// nl numbers lines: those with text, or with -b a all of them.
func nl(process *program.Process) int {
	options, names, err := process.Parse("b:i:n:s:v:w:", "body-numbering=b")
	if err != nil {
		return badUsage(process, err)
	}
	number, step, width := 1, 1, 6
	for letter, value := range map[byte]*int{'v': &number, 'i': &step, 'w': &width} {
		if text, given := options[letter]; given {
			if *value, err = strconv.Atoi(text); err != nil {
				return badUsage(process, fmt.Errorf("invalid number '%s'", text))
			}
		}
	}
	separator := options.Or('s', "\t")
	format := map[string]string{"ln": "%-*d", "rn": "%*d", "rz": "%0*d"}[options.Or('n', "rn")]
	return eachOutputLine(process, names, func(output *bufio.Writer, line string) {
		if options['b'] != "n" && (line != "" || options['b'] == "a") {
			fmt.Fprintf(output, format+"%s%s\n", width, number, separator, line)
			number += step
			return
		}
		output.WriteString(strings.Repeat(" ", width+len(separator)) + line + "\n")
	})
}

// fold breaks lines at a width (-w), with -s behind a blank.
func fold(process *program.Process) int {
	options, names, err := process.Parse("bsw:", "width=w", "spaces=s")
	if err != nil {
		return badUsage(process, err)
	}
	width, err := strconv.Atoi(options.Or('w', "80"))
	if err != nil || width < 1 {
		return badUsage(process, errors.New("invalid number '"+options['w']+"'"))
	}
	return eachOutputLine(process, names, func(output *bufio.Writer, line string) {
		letters := []rune(line)
		for len(letters) > width {
			end := width
			if options.Has("s") {
				if blank := strings.LastIndexAny(string(letters[:width]), " \t"); blank >= 0 {
					end = len([]rune(string(letters[:width])[:blank+1]))
				}
			}
			output.WriteString(string(letters[:end]) + "\n")
			letters = letters[end:]
		}
		output.WriteString(string(letters) + "\n")
	})
}

// paste joins lines of several files, or with -s all lines of each.
func paste(process *program.Process) int {
	options, names, err := process.Parse("d:s", "delimiters=d", "serial=s")
	if err != nil {
		return badUsage(process, err)
	}
	joints, _ := unescape(options.Or('d', "\t"))
	if len(names) == 0 {
		names = []string{"-"}
	}
	output := buffered(process)
	defer output.Flush()
	var readers []*bufio.Reader
	shared := bufio.NewReader(process.Stdin)
	for _, name := range names {
		if name == "-" {
			readers = append(readers, shared)
			continue
		}
		file, err := openInput(process, name)
		if err != nil {
			return process.FailAt(name, err)
		}
		defer file.Close()
		readers = append(readers, bufio.NewReader(file))
	}
	if options.Has("s") {
		for _, reader := range readers {
			for pasteRow(output, slices.Repeat([]*bufio.Reader{reader}, 1<<16), joints, true) {
			}
		}
		return 0
	}
	for pasteRow(output, readers, joints, false) {
	}
	return 0
}

// pasteRow writes one line of the result and tells whether there was anything for it.
func pasteRow(output *bufio.Writer, readers []*bufio.Reader, joints string, stops bool) bool {
	var row strings.Builder
	found := false
	for index, reader := range readers {
		line, err := reader.ReadString('\n')
		found = found || line != ""
		if line == "" && err != nil && stops {
			break
		}
		if index > 0 && joints != "" {
			row.WriteByte(joints[(index-1)%len(joints)])
		}
		row.WriteString(strings.TrimSuffix(line, "\n"))
	}
	if found {
		output.WriteString(row.String() + "\n")
	}
	return found
}

// comm shows what lines two sorted files have for themselves and in common.
func comm(process *program.Process) int {
	options, names, err := process.Parse("123")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) != 2 {
		return usageOf(process)
	}
	var lines [2][]string
	for index, name := range names {
		err := readInput(process, name, func(_ string, input io.Reader) error {
			return eachLine(input, func(line string) error { lines[index] = append(lines[index], line); return nil })
		})
		if err != nil {
			return process.FailAt(name, err)
		}
	}
	output := buffered(process)
	defer output.Flush()
	show := func(column int, line string) {
		indent := ""
		for before := 1; before < column; before++ {
			if !options.Has(itoa(before)) {
				indent += "\t"
			}
		}
		if !options.Has(itoa(column)) {
			output.WriteString(indent + line + "\n")
		}
	}
	one, other := lines[0], lines[1]
	for len(one) > 0 || len(other) > 0 {
		switch {
		case len(other) == 0 || (len(one) > 0 && one[0] < other[0]):
			show(1, one[0])
			one = one[1:]
		case len(one) == 0 || other[0] < one[0]:
			show(2, other[0])
			other = other[1:]
		default:
			show(3, one[0])
			one, other = one[1:], other[1:]
		}
	}
	return 0
}

// stringsMain prints runs of at least four (-n) printable letters.
func stringsMain(process *program.Process) int {
	options, names, err := process.Parse("afn:ot:", "bytes=n")
	if err != nil {
		return badUsage(process, err)
	}
	least, err := strconv.Atoi(options.Or('n', "4"))
	if err != nil || least < 1 {
		return badUsage(process, errors.New("invalid number '"+options['n']+"'"))
	}
	output := buffered(process)
	defer output.Flush()
	return eachInput(process, names, func(_ string, input io.Reader) error {
		reader := bufio.NewReaderSize(input, 64<<10)
		var run []byte
		for {
			letter, err := reader.ReadByte()
			if err == nil && (letter >= ' ' && letter <= '~' || letter == '\t') {
				run = append(run, letter)
				continue
			}
			if len(run) >= least {
				output.Write(append(run, '\n'))
			}
			run = run[:0]
			if err != nil {
				return ignoreEnd(err)
			}
		}
	})
}
