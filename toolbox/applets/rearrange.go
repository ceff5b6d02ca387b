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

// tac prints lines in the other order, each with its own end: the last one may have none.
func tac(process *program.Process) int {
	output := buffered(process)
	defer output.Flush()
	return eachInput(process, process.Args[1:], func(_ string, input io.Reader) error {
		text, err := io.ReadAll(input)
		lines := strings.SplitAfter(string(text), "\n")
		slices.Reverse(lines)
		for _, line := range lines {
			output.WriteString(line)
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

// paste joins lines of several files, or with -s all lines of each.
func paste(process *program.Process) int {
	options, names, err := process.Parse("d:s", "delimiters=d", "serial=s")
	if err != nil {
		return badUsage(process, err)
	}
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
	paste := pasteRow
	if options.Has("s") {
		paste = pasteEach
	}
	paste(output, readers, pasteJoints(options.Or('d', "\t")))
	return 0
}

// pasteJoints are what stands between two lines, in turn: `\0` is nothing.
func pasteJoints(text string) []string {
	text, _ = unescape(text)
	joints := strings.Split(text, "")
	for index, joint := range joints {
		joints[index] = strings.Trim(joint, "\x00")
	}
	if len(joints) == 0 {
		return []string{""}
	}
	return joints
}

// pasteRow writes lines of all files side by side.
func pasteRow(output *bufio.Writer, readers []*bufio.Reader, joints []string) {
	for {
		var row strings.Builder
		found := false
		for index, reader := range readers {
			line, _ := reader.ReadString('\n')
			found = found || line != ""
			if index > 0 {
				row.WriteString(joints[(index-1)%len(joints)])
			}
			row.WriteString(strings.TrimSuffix(line, "\n"))
		}
		if !found {
			return
		}
		output.WriteString(row.String() + "\n")
	}
}

// pasteEach writes each file as one line.
func pasteEach(output *bufio.Writer, readers []*bufio.Reader, joints []string) {
	for _, reader := range readers {
		for index := 0; ; index++ {
			line, err := reader.ReadString('\n')
			if line == "" && err != nil {
				break
			}
			if index > 0 {
				output.WriteString(joints[(index-1)%len(joints)])
			}
			output.WriteString(strings.TrimSuffix(line, "\n"))
		}
		output.WriteByte('\n')
	}
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
