package awk

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// Setting is what a program runs in.
type Setting struct {
	Process *program.Process
	// Run is what system() and pipes run a command by.
	Run func(*program.Process) int
	// Time formats a moment, as date does.
	Time func(format string, seconds float64, utc bool) string
}

const (
	noField    = -1
	fieldCount = -2

	mostFields  = 1 << 20
	mostDepth   = 2000
	mostRegexes = 500
	ticksEach   = 256
)

type machine struct {
	Setting
	program *Program
	frame   []*cell
	depth   int
	result  value
	status  int
	ticks   int
	regexes map[string]*regexp.Regexp
	seed    uint64
	state   uint64

	whole      string // the record, unless a field was changed since
	isWhole    bool
	fields     []value // from $1 on, once they are split
	areSplit   bool
	operands   int // of ARGV that were seen
	hadFile    bool
	main       *records
	output     *output
	outputs    map[string]*output
	inputs     map[string]*records
	separators *cell
	special    struct {
		nr, fnr, ofs, ors, subsep, convfmt, ofmt, rs, rstart, rlength, filename, argc, argv *cell
	}
}

// Execute runs a program with such variables (NAME=VALUE) and operands to its exit status.
func Execute(program *Program, setting Setting, variables, operands []string) (status int) {
	m := &machine{Setting: setting, program: program, regexes: map[string]*regexp.Regexp{}, outputs: map[string]*output{},
		inputs: map[string]*records{}, isWhole: true}
	m.output = newOutput(setting.Process.Stdout, setting.Process.IsTerminal(1))
	defer m.abandon()
	defer func() {
		if value := recover(); value != nil {
			failed, isFailure := value.(failure)
			if !isFailure {
				panic(value)
			}
			m.output.Flush()
			status = setting.Process.Fail("%s", failed)
		}
	}()
	m.setUp(variables, operands)
	m.run()
	return m.status
}

func (m *machine) setUp(variables, operands []string) {
	global := m.program.global
	s := &m.special
	for name, variable := range map[string]**cell{"NR": &s.nr, "FNR": &s.fnr, "RSTART": &s.rstart, "RLENGTH": &s.rlength, "FILENAME": &s.filename} {
		*variable = global(name)
	}
	for _, each := range []struct {
		name, text string
		variable   **cell
	}{
		{"FS", " ", &m.separators}, {"OFS", " ", &s.ofs}, {"ORS", "\n", &s.ors}, {"SUBSEP", "\x1c", &s.subsep},
		{"CONVFMT", "%.6g", &s.convfmt}, {"OFMT", "%.6g", &s.ofmt}, {"RS", "\n", &s.rs},
	} {
		*each.variable = global(each.name)
		(*each.variable).value = str(each.text)
	}
	s.argc, s.argv = global("ARGC"), global("ARGV")
	s.argc.value = num(float64(len(operands) + 1))
	for number, word := range append([]string{"awk"}, operands...) {
		s.argv.asArray().at(num(float64(number)).text("")).value = fromInput(word)
	}
	environment := global("ENVIRON").asArray()
	for _, item := range m.Process.Env {
		name, content, _ := strings.Cut(item, "=")
		environment.at(name).value = fromInput(content)
	}
	for _, each := range variables {
		m.assign(each)
	}
}

var operandAssigns = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// assign does what an operand NAME=VALUE says.
func (m *machine) assign(operand string) {
	name, content, _ := strings.Cut(operand, "=")
	assigned := fromInput(unescaped(content))
	if name == "NF" {
		m.setCount(int(assigned.number()))
		return
	}
	place{cell: m.program.global(name), field: noField}.set(m, assigned)
}

func (m *machine) run() {
	next := m.performAll(m.program.begin)
	if next != toExit && (len(m.program.rules) > 0 || len(m.program.end) > 0) {
		m.eachRecord()
	}
	m.performAll(m.program.end) // after an exit too, but for one of its own
	m.closeAll()
}

func (m *machine) performAll(statements []statement) flow {
	for _, each := range statements {
		if m.perform(each) == toExit {
			return toExit
		}
	}
	return goOn
}

// unwinding is how a function leads out of what has called it.
type unwinding flow

func (m *machine) perform(body statement) (next flow) {
	defer func() {
		if value := recover(); value != nil {
			out, isOut := value.(unwinding)
			if !isOut {
				panic(value)
			}
			m.frame, m.depth, next = nil, 0, flow(out)
		}
	}()
	return body(m)
}

func (m *machine) eachRecord() {
	for {
		m.tick()
		record, isThere := m.nextRecord()
		if !isThere {
			return
		}
		m.setRecord(record)
		switch m.perform(m.applyRules) {
		case toExit:
			return
		case toNextFile:
			m.closeMain()
		}
	}
}

func (m *machine) applyRules(*machine) flow {
	for _, each := range m.program.rules {
		if !m.matches(each) {
			continue
		}
		if next := each.body(m); next == toNext || next == toNextFile || next == toExit {
			return next
		}
	}
	return goOn
}

func (m *machine) matches(rule *rule) bool {
	switch {
	case rule.first == nil:
		return true
	case rule.last == nil:
		return rule.first.eval(m).isTrue()
	case !rule.inRange && !rule.first.eval(m).isTrue():
		return false
	}
	rule.inRange = !rule.last.eval(m).isTrue()
	return true
}

// tick lets others run, and ends here if the command has to.
func (m *machine) tick() {
	m.ticks++
	if m.ticks%ticksEach == 0 {
		program.Yield(m.Process.Context)
	}
}

func (m *machine) numberFormat() string   { return m.special.convfmt.s }
func (m *machine) text(of node) string    { return of.eval(m).text(m.numberFormat()) }
func (m *machine) number(of node) float64 { return of.eval(m).number() }

// key of an element, of several expressions with SUBSEP between them.
func (m *machine) key(of node) string {
	if of.eval != nil && len(of.group) == 0 {
		return m.text(of)
	}
	if len(of.group) == 1 {
		return m.text(of.group[0])
	}
	words := make([]string, 0, len(of.group))
	for _, each := range of.group {
		words = append(words, m.text(each))
	}
	return strings.Join(words, m.special.subsep.text(m.numberFormat()))
}

func (m *machine) regex(of node) *regexp.Regexp {
	if of.regex != nil {
		return m.compiled(*of.regex)
	}
	return m.compiled(m.text(of))
}

func (m *machine) compiled(text string) *regexp.Regexp {
	found := m.regexes[text]
	if found == nil {
		compiled, err := expression(text)
		if err != nil {
			fail("%s", err)
		}
		if len(m.regexes) >= mostRegexes {
			clear(m.regexes)
		}
		found, m.regexes[text] = compiled, compiled
	}
	return found
}

// place is what can be assigned to.
type place struct {
	cell  *cell
	item  *item
	field int
}

func (p place) get(m *machine) value {
	switch {
	case p.cell != nil:
		return p.cell.asValue()
	case p.item != nil:
		return p.item.value
	case p.field == fieldCount:
		return num(float64(m.countFields()))
	}
	return m.field(p.field)
}

func (p place) set(m *machine, assigned value) {
	switch {
	case p.cell != nil:
		p.cell.asValue()
		if m.isText(p.cell) {
			assigned.s, assigned.n = assigned.text(m.numberFormat()), assigned.number()
		}
		p.cell.value = assigned
	case p.item != nil:
		p.item.value = assigned
	case p.field == fieldCount:
		m.setCount(int(assigned.number()))
	case p.field == 0:
		m.setRecord(assigned.text(m.numberFormat()))
	default:
		m.setField(p.field, assigned)
	}
}

// isText tells of a variable whose text is read often.
func (m *machine) isText(of *cell) bool {
	s := &m.special
	return of == s.convfmt || of == s.ofmt || of == m.separators || of == s.ofs || of == s.ors || of == s.rs || of == s.subsep
}

// count changes a number by a step and gives what it was.
func (m *machine) count(target node, step float64) float64 {
	place := target.place(m)
	before := place.get(m).number()
	place.set(m, num(before+step))
	return before
}

func (m *machine) call(called *function, arguments []node) value {
	m.tick()
	if m.depth++; m.depth > mostDepth {
		fail("function %s is called within itself too often", called.name)
	}
	frame := make([]*cell, len(called.parameters))
	for number := range frame {
		frame[number] = &cell{}
		if number < len(arguments) {
			frame[number] = m.argument(arguments[number])
		}
	}
	caller := m.frame
	m.frame, m.result = frame, value{}
	next := called.body(m)
	m.frame = caller
	m.depth--
	if next == toExit || next == toNext || next == toNextFile {
		panic(unwinding(next))
	}
	result := m.result
	m.result = value{}
	return result
}

// argument is given by its value, but an array is the caller's, and so is what may become one.
func (m *machine) argument(given node) *cell {
	if given.cell == nil {
		return &cell{value: given.eval(m)}
	}
	variable := given.cell(m)
	switch {
	case variable.array != nil:
		return &cell{array: variable.array}
	case variable.kind == unset:
		return &cell{caller: variable}
	}
	return &cell{value: variable.value}
}

func (m *machine) setRecord(text string) {
	m.whole, m.isWhole, m.areSplit = text, true, false
}

func (m *machine) record() string {
	if !m.isWhole {
		words := make([]string, len(m.fields))
		for number, each := range m.fields {
			words[number] = each.text(m.numberFormat())
		}
		m.whole, m.isWhole = strings.Join(words, m.special.ofs.s), true
	}
	return m.whole
}

func (m *machine) splitRecord() {
	if m.areSplit {
		return
	}
	m.areSplit = true
	m.fields = m.fields[:0]
	for _, word := range m.split(m.whole, m.separators.s, m.special.rs.s == "") {
		m.fields = append(m.fields, fromInput(word))
	}
}

func (m *machine) countFields() int {
	m.splitRecord()
	return len(m.fields)
}

func (m *machine) field(number int) value {
	if number == 0 {
		return fromInput(m.record())
	}
	m.splitRecord()
	if number > len(m.fields) {
		return value{}
	}
	return m.fields[number-1]
}

func (m *machine) setField(number int, assigned value) {
	m.splitRecord()
	if number > len(m.fields) {
		m.setCount(number)
	}
	m.fields[number-1] = assigned
	m.isWhole = false
}

func (m *machine) setCount(count int) {
	m.splitRecord()
	if count < 0 || count > mostFields {
		fail("a record cannot have %d fields", count)
	}
	if count > len(m.fields) {
		m.fields = slices.Concat(m.fields, make([]value, count-len(m.fields)))
	}
	m.fields = m.fields[:count]
	m.isWhole = false
}

// split: a blank separates at any blanks, another letter is itself, more is a regular expression, nothing is between all
// letters. Of paragraphs lines are separate, too.
func (m *machine) split(text, separator string, paragraphs bool) []string {
	switch {
	case text == "":
		return nil
	case separator == " ":
		return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
	case separator == "":
		return strings.Split(text, "")
	case len(separator) == 1 && !paragraphs && separator != `\`:
		return strings.Split(text, separator)
	case len(separator) == 1:
		separator = "[" + strings.ReplaceAll(separator, `\`, `\\`) + "]"
	}
	if paragraphs {
		separator = "(" + separator + ")|\n"
	}
	return splitBy(text, m.compiled(separator))
}

// splitBy ignores where the expression matches nothing at all.
func splitBy(text string, separator *regexp.Regexp) []string {
	var parts []string
	begin := 0
	for _, found := range separator.FindAllStringIndex(text, -1) {
		if found[1] > found[0] {
			parts = append(parts, text[begin:found[0]])
			begin = found[1]
		}
	}
	return append(parts, text[begin:])
}

func (m *machine) nextRand() float64 {
	m.state += 0x9e3779b97f4a7c15
	mixed := m.state
	mixed = (mixed ^ mixed>>30) * 0xbf58476d1ce4e5b9
	mixed = (mixed ^ mixed>>27) * 0x94d049bb133111eb
	return float64((mixed^mixed>>31)>>11) / (1 << 53)
}

func integer(n float64) float64 {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return n
	}
	return math.Trunc(n)
}
