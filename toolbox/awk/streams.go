package awk

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"

	"wasmlet.dev/toolbox/program"
)

// output is where is printed to: the standard one, a file or a command.
type output struct {
	*bufio.Writer
	atOnce bool // somebody watches
	end    func() int
}

func newOutput(to io.Writer, atOnce bool) *output {
	return &output{Writer: bufio.NewWriterSize(to, 32<<10), atOnce: atOnce, end: func() int { return 0 }}
}

func (o *output) written() {
	if o.atOnce {
		o.Flush()
	}
}

func (o *output) close() int {
	failed := o.Flush()
	if status := o.end(); status != 0 || failed == nil {
		return status
	}
	return -1
}

// outputTo is what a name stands for since it was named first.
func (m *machine) outputTo(operator, name string) *output {
	found := m.outputs[name]
	if found == nil {
		found = m.open(operator, name)
		m.outputs[name] = found
	}
	return found
}

func (m *machine) open(operator, name string) *output {
	switch {
	case operator == "|":
		m.flush()
		reader, writer := program.Pipe()
		wait := m.start(name, reader, m.Process.Stdout, func() { reader.Close() })
		to := newOutput(writer, false)
		to.end = func() int { writer.Close(); return wait() }
		return to
	case name == "-" || name == "/dev/stdout":
		return m.output
	case name == "/dev/stderr":
		return newOutput(m.Process.Stderr, true)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if operator == ">>" {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	file, err := m.Process.Open(name, flags)
	if err != nil {
		fail("can't write to %s: %s", name, program.Reason(err))
	}
	to := newOutput(program.Output{Writer: file, Context: m.Process.Context}, false)
	to.end = func() int { return statusOf(file.Close()) }
	return to
}

func statusOf(err error) int {
	if err != nil {
		return -1
	}
	return 0
}

// start runs a command beside the program. What it has ended with is waited for by what is returned.
func (m *machine) start(command string, stdin io.Reader, stdout io.Writer, ended func()) (wait func() int) {
	inner := m.Process.With("sh", "-c", command)
	inner.Stdin, inner.Stdout = stdin, stdout
	status, done := program.Terminated, make(chan struct{})
	program.Go(func() {
		defer close(done)
		defer ended()
		status = program.Run(m.Run, inner)
	})
	return func() int { <-done; return status }
}

func (m *machine) system(command string) float64 {
	m.flush()
	return float64(program.Run(m.Run, m.Process.With("sh", "-c", command)))
}

func (m *machine) flush() {
	m.output.Flush()
	for _, each := range m.outputs {
		each.Flush()
	}
}

// closeNamed gives what a command has ended with, -1 for what is not open.
func (m *machine) closeNamed(name string) float64 {
	status := -1
	if to := m.outputs[name]; to != nil {
		m.output.Flush()
		delete(m.outputs, name)
		status = to.close()
	}
	if from := m.inputs[name]; from != nil {
		delete(m.inputs, name)
		status = from.end()
	}
	return float64(status)
}

func (m *machine) closeAll() {
	m.output.Flush()
	for name := range m.outputs {
		m.closeNamed(name)
	}
}

// abandon closes what is open still, for those at the other end.
func (m *machine) abandon() {
	for _, each := range m.inputs {
		each.end()
	}
	for _, each := range m.outputs {
		each.end()
	}
	m.closeMain()
}

// records are what an input is read by.
type records struct {
	reader *bufio.Reader
	rest   []byte // for a separator that is an expression
	isOver bool
	end    func() int
}

func newRecords(from io.Reader) *records {
	return &records{reader: bufio.NewReaderSize(from, 32<<10), end: func() int { return 0 }}
}

func (m *machine) read(from *records) (record string, isThere bool) {
	separator := m.special.rs.s
	switch {
	case separator == "":
		return from.paragraph()
	case len(separator) == 1:
		text, err := from.reader.ReadString(separator[0])
		return strings.TrimSuffix(text, separator), text != "" || err == nil
	}
	return from.to(m.compiled(separator))
}

// paragraph is what empty lines are around.
func (r *records) paragraph() (string, bool) {
	var lines []string
	for {
		line, err := r.reader.ReadString('\n')
		text := strings.TrimSuffix(line, "\n")
		if text != "" {
			lines = append(lines, text)
		}
		if err != nil || (text == "" && len(lines) > 0) {
			return strings.Join(lines, "\n"), len(lines) > 0
		}
	}
}

// to reads on until the separator is there, and more behind it, for it may be longer.
func (r *records) to(separator *regexp.Regexp) (string, bool) {
	piece := make([]byte, 4096)
	for {
		found := separator.FindIndex(r.rest)
		if found != nil && found[1] > found[0] && (found[1] < len(r.rest) || r.isOver) {
			record := string(r.rest[:found[0]])
			r.rest = r.rest[found[1]:]
			return record, true
		}
		if r.isOver {
			record := string(bytes.TrimSuffix(r.rest, []byte("\n")))
			isThere := len(r.rest) > 0
			r.rest = nil
			return record, isThere
		}
		count, err := r.reader.Read(piece)
		r.rest = append(r.rest, piece[:count]...)
		r.isOver = err != nil
	}
}

// nextRecord is that of the operands, or of the standard input where none of them is a file.
func (m *machine) nextRecord() (string, bool) {
	for m.main != nil || m.openNext() {
		if record, isThere := m.read(m.main); isThere {
			m.special.nr.value = num(m.special.nr.number() + 1)
			m.special.fnr.value = num(m.special.fnr.number() + 1)
			return record, true
		}
		m.closeMain()
	}
	return "", false
}

func (m *machine) closeMain() {
	if m.main != nil {
		m.main.end()
		m.main = nil
	}
}

func (m *machine) openNext() bool {
	for m.operands++; m.operands < int(m.special.argc.number()); m.operands++ {
		argument := m.special.argv.asArray().items[num(float64(m.operands)).text("")]
		if argument == nil {
			continue
		}
		switch name := argument.value.text(m.numberFormat()); {
		case name == "":
		case operandAssigns.MatchString(name):
			m.assign(name)
		default:
			if m.openFile(name) {
				return true
			}
		}
	}
	if m.hadFile {
		return false
	}
	m.hadFile = true
	m.main = newRecords(m.Process.Stdin)
	return true
}

// openFile complains of one that is not there, and the others are read.
func (m *machine) openFile(name string) bool {
	m.hadFile = true
	from, err := m.openInput(name)
	if err != nil {
		m.output.Flush()
		m.status = m.Process.FailAt(name, err)
		return false
	}
	m.main = from
	m.special.filename.value = fromInput(name)
	m.special.fnr.value = num(0)
	return true
}

func (m *machine) openInput(name string) (*records, error) {
	if name == "-" || name == "/dev/stdin" {
		return newRecords(m.Process.Stdin), nil
	}
	file, err := m.Process.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if inner, isFile := file.(*os.File); isFile {
		if info, err := inner.Stat(); err == nil && info.IsDir() {
			file.Close()
			return nil, syscall.EISDIR
		}
	}
	from := newRecords(program.Input{Reader: file, Context: m.Process.Context})
	from.end = func() int { return statusOf(file.Close()) }
	return from, nil
}

type inputKind uint8

const (
	mainInput inputKind = iota
	fileInput
	commandInput
)

// getline gives 1, 0 at the end, -1 for what cannot be read.
func (m *machine) getline(kind inputKind, source node, target *node) float64 {
	m.output.Flush()
	var record string
	var isThere bool
	if kind == mainInput {
		record, isThere = m.nextRecord()
	} else {
		from := m.inputFrom(kind, m.text(source))
		if from == nil {
			return -1
		}
		record, isThere = m.read(from)
	}
	if !isThere {
		return 0
	}
	if kind == commandInput {
		m.special.nr.value = num(m.special.nr.number() + 1)
	}
	if target == nil {
		m.setRecord(record)
	} else {
		target.place(m).set(m, fromInput(record))
	}
	return 1
}

func (m *machine) inputFrom(kind inputKind, name string) *records {
	found := m.inputs[name]
	if found != nil {
		return found
	}
	if kind == commandInput {
		m.flush()
		reader, writer := program.Pipe()
		wait := m.start(name, m.Process.Stdin, writer, func() { writer.Close() })
		found = newRecords(reader)
		found.end = func() int { reader.Close(); return wait() }
	} else {
		from, err := m.openInput(name)
		if err != nil {
			return nil
		}
		found = from
	}
	m.inputs[name] = found
	return found
}

func (m *machine) print(to *output, list []node) {
	if len(list) == 0 {
		to.WriteString(m.record())
	}
	for number, each := range list {
		if number > 0 {
			to.WriteString(m.special.ofs.s)
		}
		to.WriteString(each.eval(m).text(m.special.ofmt.s))
	}
	to.WriteString(m.special.ors.s)
	to.written()
}

func (m *machine) printf(to *output, list []node) {
	values := make([]value, len(list))
	for number, each := range list {
		values[number] = each.eval(m)
	}
	to.WriteString(formatted(values[0].text(m.numberFormat()), values[1:], m.numberFormat()))
	to.written()
}
