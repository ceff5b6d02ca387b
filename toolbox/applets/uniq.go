package applets

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type repeats struct {
	options       program.Options
	fields, chars int
	output        *bufio.Writer
	line          string
	count         int
}

// uniq drops lines that are as the one before: with -c, -d, -u, -i, -f and -s.
func uniq(process *program.Process) int {
	options, names, err := process.Parse("cdf:iis:uw:z", "count=c", "repeated=d", "unique=u", "ignore-case=i")
	if err != nil {
		return badUsage(process, err)
	}
	run := repeats{options: options, output: buffered(process)}
	run.fields, _ = strconv.Atoi(options['f'])
	run.chars, _ = strconv.Atoi(options['s'])
	if len(names) > 1 {
		file, err := process.Open(names[1], os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return process.FailAt(names[1], err)
		}
		defer file.Close()
		run.output.Reset(file)
		names = names[:1]
	}
	status := eachInput(process, names, func(_ string, input io.Reader) error {
		return eachLine(input, run.add)
	})
	run.print()
	run.output.Flush()
	return status
}

func (r *repeats) add(line string) error {
	if r.count > 0 && r.essence(line) == r.essence(r.line) {
		r.count++
		return nil
	}
	r.print()
	r.line, r.count = line, 1
	return nil
}

func (r *repeats) essence(line string) string {
	for range r.fields {
		line = strings.TrimLeft(line, " \t")
		line = line[len(line)-len(strings.TrimLeftFunc(line, func(letter rune) bool { return letter != ' ' && letter != '\t' })):]
	}
	line = line[min(r.chars, len(line)):]
	if width, given := r.options['w']; given {
		if number, err := strconv.Atoi(width); err == nil {
			line = line[:min(number, len(line))]
		}
	}
	if r.options.Has("i") {
		line = strings.ToLower(line)
	}
	return line
}

func (r *repeats) print() {
	skipped := r.count == 0 || (r.options.Has("d") && r.count == 1) || (r.options.Has("u") && r.count > 1)
	if skipped {
		return
	}
	if r.options.Has("c") {
		r.output.WriteString(padLeft(itoa(r.count), 7) + " ")
	}
	r.output.WriteString(r.line)
	r.output.WriteByte('\n')
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-len(text))) + text
}
