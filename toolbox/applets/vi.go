package applets

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"wasmlet.dev/toolbox/posix"
	"wasmlet.dev/toolbox/program"
)

// editing is a text in the small vi.
type editing struct {
	process       *program.Process
	keys          keyReader
	name          string
	lines         [][]rune
	row, column   int
	top           int
	columns, rows int
	inserts       bool
	changed       bool
	message       string
	yanked        [][]rune
	yankedLines   bool
	undo          []snapshot
	search        string
	pending       string // the beginning of a command, as the d of dd
	ended         bool
}

type snapshot struct {
	lines       [][]rune
	row, column int
}

// vi edits a file on a terminal: the commands of every day, counts before them, : / n N u and . not.
func vi(process *program.Process) int {
	_, names, err := process.Parse("c:R")
	if err != nil {
		return badUsage(process, err)
	}
	if !process.IsTerminal(0) || !process.IsTerminal(1) {
		return process.Fail("this is no terminal")
	}
	edit := &editing{process: process, keys: keyReader{process: process}, lines: [][]rune{{}}}
	if len(names) > 0 {
		edit.name = names[0]
		if err := edit.load(); err != nil {
			return process.FailAt(edit.name, err)
		}
	}
	edit.keys.takeScreen()
	defer edit.keys.giveScreen()
	for !edit.ended {
		edit.show()
		key, err := edit.keys.next()
		if err != nil {
			return 1
		}
		if key == keySuspend {
			edit.keys.suspend()
			continue
		}
		edit.heed(key)
	}
	return 0
}

func (e *editing) write(text string) { e.process.Terminal.WriteRaw([]byte(text)) }

func (e *editing) load() error {
	content, err := os.ReadFile(e.process.Path(e.name))
	if os.IsNotExist(err) {
		e.message = "'" + e.name + "' [New file]"
		return nil
	}
	if err != nil {
		return err
	}
	e.lines = nil
	for _, line := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		e.lines = append(e.lines, []rune(line))
	}
	e.message = fmt.Sprintf("'%s' %d lines", e.name, len(e.lines))
	return nil
}

func (e *editing) save(name string) bool {
	if name == "" {
		name = e.name
	}
	if name == "" {
		e.message = "No current filename"
		return false
	}
	var text strings.Builder
	for _, line := range e.lines {
		text.WriteString(string(line) + "\n")
	}
	if err := os.WriteFile(e.process.Path(name), []byte(text.String()), 0o666); err != nil {
		e.message = "'" + name + "' " + program.Reason(err)
		return false
	}
	e.name, e.changed = name, false
	e.message = fmt.Sprintf("'%s' %dL, %dC", name, len(e.lines), utf8.RuneCountInString(text.String()))
	return true
}

func (e *editing) show() {
	e.columns, e.rows = e.process.Terminal.Size()
	page := max(1, e.rows-1)
	e.top = max(0, min(e.top, e.row))
	if e.row >= e.top+page {
		e.top = e.row - page + 1
	}
	left := max(0, e.shownColumn()-e.columns+1)
	var screen strings.Builder
	screen.WriteString("\x1b[?25l\x1b[H")
	for number := e.top; number < e.top+page; number++ {
		text := "~"
		if number < len(e.lines) {
			text = string(clipped(expandTabs(e.lines[number]), left, e.columns))
		}
		screen.WriteString(text + "\x1b[K\r\n")
	}
	status := e.message
	if status == "" {
		mark := "-"
		if e.inserts {
			mark = "I"
		}
		modified := ""
		if e.changed {
			modified = " [modified]"
		}
		status = fmt.Sprintf("%s %s%s %d/%d", mark, e.name, modified, e.row+1, len(e.lines))
	}
	e.message = ""
	fmt.Fprintf(&screen, "%s\x1b[K\x1b[%d;%dH\x1b[?25h", string(clipped([]rune(status), 0, e.columns-1)), e.row-e.top+1, e.shownColumn()-left+1)
	e.write(screen.String())
}

func clipped(text []rune, first, length int) []rune {
	text = text[min(first, len(text)):]
	return text[:min(length, len(text))]
}

const tabWidth = 8

func expandTabs(line []rune) []rune {
	var text []rune
	for _, letter := range line {
		switch {
		case letter == '\t':
			for text = append(text, ' '); len(text)%tabWidth > 0; {
				text = append(text, ' ')
			}
		case letter < ' ':
			text = append(text, '^', letter+'@')
		default:
			text = append(text, letter)
		}
	}
	return text
}

func (e *editing) line() []rune { return e.lines[e.row] }

func (e *editing) shownColumn() int {
	return len(expandTabs(e.line()[:min(e.column, len(e.line()))]))
}

// clamp keeps the cursor on the text. Behind the last letter it stands only while text is inserted.
func (e *editing) clamp() {
	e.row = max(0, min(e.row, len(e.lines)-1))
	last := len(e.line())
	if !e.inserts {
		last--
	}
	e.column = max(0, min(e.column, last))
}

func (e *editing) remember() {
	copied := make([][]rune, len(e.lines))
	for index, line := range e.lines {
		copied[index] = slices.Clone(line)
	}
	const most = 100
	e.undo = append(e.undo, snapshot{copied, e.row, e.column})
	e.undo = e.undo[max(0, len(e.undo)-most):]
	e.changed = true
}

var arrows = map[string]string{"\x1b[A": "k", "\x1b[B": "j", "\x1b[C": "l", "\x1b[D": "h", "\x1bOA": "k", "\x1bOB": "j", "\x1bOC": "l",
	"\x1bOD": "h", "\x1b[H": "0", "\x1b[F": "$", "\x1b[1~": "0", "\x1b[4~": "$", "\x1b[5~": "\x02", "\x1b[6~": "\x06", "\x1b[3~": "x",
	"\x1bOH": "0", "\x1bOF": "$"}

func (e *editing) heed(key string) {
	defer e.clamp()
	moved, isArrow := arrows[key]
	switch {
	case isArrow && moved == "x":
		e.remember()
		e.deleteLetters(1)
	case isArrow:
		e.move(moved, 1)
		if e.inserts && moved == "$" {
			e.column++
		}
	case e.inserts:
		e.insert(key)
	default:
		e.pending += key
		e.command()
	}
}

func (e *editing) insert(key string) {
	letter, _ := utf8.DecodeRuneInString(key)
	switch letter {
	case 27, 3:
		e.inserts = false
		e.column--
	case '\r', '\n':
		rest := slices.Clone(e.line()[e.column:])
		e.lines[e.row] = e.line()[:e.column]
		e.lines = slices.Insert(e.lines, e.row+1, rest)
		e.row, e.column = e.row+1, 0
	case 127, 8:
		switch {
		case e.column > 0:
			e.lines[e.row] = slices.Delete(e.line(), e.column-1, e.column)
			e.column--
		case e.row > 0:
			e.column = len(e.lines[e.row-1])
			e.lines[e.row-1] = append(e.lines[e.row-1], e.line()...)
			e.lines = slices.Delete(e.lines, e.row, e.row+1)
			e.row--
		}
	default:
		if letter >= ' ' || letter == '\t' {
			e.lines[e.row] = slices.Insert(e.line(), e.column, letter)
			e.column++
		}
	}
}

// command runs what is pending once it is whole: a count, an operator, a movement.
func (e *editing) command() {
	text := e.pending
	digits := 0
	for digits < len(text) && isDigit(text[digits]) && (digits > 0 || text[0] != '0') {
		digits++
	}
	count, _ := strconv.Atoi(text[:digits])
	text = text[digits:]
	if text == "" {
		return
	}
	if strings.Contains("dcy<>gZrm", text[:1]) && len(text) == 1 {
		return
	}
	e.pending = ""
	hasCount := count > 0
	count = max(1, count)
	if strings.Contains("dcy", text[:1]) {
		e.operate(text[0], text[1:], count)
		return
	}
	switch text {
	case ":":
		if line, entered := e.keys.line(e.rows, ":"); entered {
			e.colon(strings.TrimSpace(line))
		}
	case "/", "?":
		if line, entered := e.keys.line(e.rows, "/"); entered && line != "" {
			e.search = line
			e.find(1)
		}
	case "n":
		e.find(1)
	case "N":
		e.find(-1)
	case "ZZ":
		e.ended = e.save("")
	case "ZQ":
		e.ended = true
	case "u":
		e.undoOne()
	case "gg":
		e.row, e.column = 0, 0
		if hasCount {
			e.row = count - 1
		}
	case "G":
		e.row = len(e.lines) - 1
		if hasCount {
			e.row = count - 1
		}
	default:
		if !e.edit(text, count) {
			e.move(text, count)
		}
	}
}

func (e *editing) undoOne() {
	if len(e.undo) == 0 {
		e.message = "Nothing to undo"
		return
	}
	last := e.undo[len(e.undo)-1]
	e.undo = e.undo[:len(e.undo)-1]
	e.lines, e.row, e.column = last.lines, last.row, last.column
}

// edit runs commands that change the text.
func (e *editing) edit(text string, count int) bool {
	switch text[:1] {
	case "i", "a", "I", "A", "o", "O", "x", "X", "D", "C", "s", "J", "p", "P", "r", "~":
		e.remember()
	default:
		return false
	}
	switch text[:1] {
	case "a":
		e.column++
	case "I":
		e.column = 0
	case "A":
		e.column = len(e.line())
	case "o", "O":
		if text == "o" {
			e.row++
		}
		e.lines = slices.Insert(e.lines, e.row, []rune{})
		e.column = 0
	case "x", "s":
		e.deleteLetters(count)
	case "X":
		count = min(count, e.column)
		e.column -= count
		e.deleteLetters(count)
	case "D", "C":
		e.deleteLetters(len(e.line()))
	case "J":
		e.join()
	case "p", "P":
		e.put(text == "p")
	case "r":
		letter, _ := utf8.DecodeRuneInString(text[1:])
		if e.column < len(e.line()) && letter >= ' ' {
			e.line()[e.column] = letter
		}
	case "~":
		if e.column < len(e.line()) {
			letter := e.line()[e.column]
			if unicode.IsUpper(letter) {
				e.line()[e.column] = unicode.ToLower(letter)
			} else {
				e.line()[e.column] = unicode.ToUpper(letter)
			}
			e.column++
		}
	}
	e.inserts = strings.Contains("iaIAoOCs", text[:1])
	if text == "I" {
		for e.column < len(e.line()) && unicode.IsSpace(e.line()[e.column]) {
			e.column++
		}
	}
	return true
}

func (e *editing) deleteLetters(count int) {
	end := min(len(e.line()), e.column+count)
	if e.column >= end {
		return
	}
	e.yanked, e.yankedLines = [][]rune{slices.Clone(e.line()[e.column:end])}, false
	e.lines[e.row] = slices.Delete(e.line(), e.column, end)
}

func (e *editing) join() {
	if e.row+1 >= len(e.lines) {
		return
	}
	next := []rune(strings.TrimLeft(string(e.lines[e.row+1]), " \t"))
	e.column = len(e.line())
	if len(e.line()) > 0 && len(next) > 0 {
		e.lines[e.row] = append(e.line(), ' ')
	}
	e.lines[e.row] = append(e.line(), next...)
	e.lines = slices.Delete(e.lines, e.row+1, e.row+2)
}

func (e *editing) put(behind bool) {
	if len(e.yanked) == 0 {
		return
	}
	if !e.yankedLines {
		if behind && len(e.line()) > 0 {
			e.column++
		}
		e.lines[e.row] = slices.Insert(e.line(), e.column, e.yanked[0]...)
		e.column += len(e.yanked[0]) - 1
		return
	}
	if behind {
		e.row++
	}
	for index, line := range e.yanked {
		e.lines = slices.Insert(e.lines, e.row+index, slices.Clone(line))
	}
	e.column = 0
}

// operate deletes, changes or yanks: whole lines (dd), or up to where a movement leads.
func (e *editing) operate(operator byte, movement string, count int) {
	e.remember()
	row, column := e.row, e.column
	if movement == string(operator) || movement == "j" || movement == "k" || movement == "G" {
		first, last := row, row+count-1
		switch movement {
		case "j":
			last = row + count
		case "k":
			first, last = row-count, row
		case "G":
			last = len(e.lines) - 1
		}
		e.operateOnLines(operator, max(0, first), min(last, len(e.lines)-1))
		return
	}
	e.inserts = true // a movement may lead behind the last letter
	e.move(movement, count)
	if movement == "e" || movement == "$" {
		e.column++
	}
	if movement == "$" || e.row != row {
		e.row, e.column = row, len(e.lines[row])
	}
	if operator == 'c' && movement == "w" {
		for e.column > column+1 && unicode.IsSpace(e.line()[e.column-1]) {
			e.column--
		}
	}
	first, last := min(column, e.column), min(max(column, e.column), len(e.line()))
	e.inserts = operator == 'c'
	e.column = first
	if operator == 'y' {
		e.yanked, e.yankedLines = [][]rune{slices.Clone(e.line()[first:last])}, false
		return
	}
	e.deleteLetters(last - first)
}

func (e *editing) operateOnLines(operator byte, first, last int) {
	e.yanked, e.yankedLines = nil, true
	for _, line := range e.lines[first : last+1] {
		e.yanked = append(e.yanked, slices.Clone(line))
	}
	e.row = first
	switch operator {
	case 'd':
		e.lines = slices.Delete(e.lines, first, last+1)
		if len(e.lines) == 0 {
			e.lines = [][]rune{{}}
		}
		e.column = 0
	case 'c':
		e.lines = slices.Replace(e.lines, first, last+1, []rune{})
		e.column, e.inserts = 0, true
	}
}

func (e *editing) move(text string, count int) {
	for range count {
		switch text {
		case "h", "\x7f", "\b":
			e.column--
		case "l", " ":
			e.column++
		case "j", "+", "\r", "\n":
			e.row++
		case "k", "-":
			e.row--
		case "0":
			e.column = 0
		case "^":
			e.column = len(e.line()) - len([]rune(strings.TrimLeft(string(e.line()), " \t")))
		case "$":
			e.column = max(0, len(e.line())-1)
		case "w", "W", "e", "E":
			e.forward(text == "e" || text == "E")
		case "b", "B":
			e.backward()
		case "\x06":
			e.row += max(1, e.rows-2)
		case "\x02":
			e.row -= max(1, e.rows-2)
		case "\x04":
			e.row += e.rows / 2
		case "\x15":
			e.row -= e.rows / 2
		}
		e.clamp()
	}
}

func kindOfLetter(letter rune) int {
	switch {
	case unicode.IsSpace(letter):
		return 0
	case unicode.IsLetter(letter) || unicode.IsDigit(letter) || letter == '_':
		return 1
	}
	return 2
}

// forward goes to the beginning of the next word, or to the end of this one.
func (e *editing) forward(toEnd bool) {
	line := e.line()
	place := e.column
	if toEnd {
		for place++; place < len(line) && kindOfLetter(line[place]) == 0; place++ {
		}
		for place+1 < len(line) && kindOfLetter(line[place+1]) == kindOfLetter(line[place]) {
			place++
		}
		e.column = place
		return
	}
	if place < len(line) {
		kind := kindOfLetter(line[place])
		for place < len(line) && kindOfLetter(line[place]) == kind {
			place++
		}
	}
	for place < len(line) && kindOfLetter(line[place]) == 0 {
		place++
	}
	if place >= len(line) && e.row+1 < len(e.lines) && !e.inserts {
		e.row, e.column = e.row+1, 0
		return
	}
	e.column = place
}

func (e *editing) backward() {
	if e.column == 0 && e.row > 0 {
		e.row--
		e.column = len(e.line())
		return
	}
	line, place := e.line(), e.column-1
	for place > 0 && kindOfLetter(line[place]) == 0 {
		place--
	}
	for place > 0 && kindOfLetter(line[place-1]) == kindOfLetter(line[place]) {
		place--
	}
	e.column = max(0, place)
}

func (e *editing) find(step int) {
	if e.search == "" {
		e.message = "No previous search"
		return
	}
	expression, err := posix.Compile(e.search, false, false)
	if err != nil {
		e.message = err.Error()
		return
	}
	if place := expression.FindStringIndex(string(e.line()[min(len(e.line()), e.column+1):])); step > 0 && place != nil {
		e.column += 1 + utf8.RuneCountInString(string(e.line()[e.column+1:])[:place[0]])
		return
	}
	for offset := 1; offset <= len(e.lines); offset++ {
		row := (e.row + step*offset + len(e.lines)*2) % len(e.lines)
		if place := expression.FindStringIndex(string(e.lines[row])); place != nil {
			e.row, e.column = row, utf8.RuneCountInString(string(e.lines[row])[:place[0]])
			return
		}
	}
	e.message = "Pattern not found"
}

// colon runs a command of the bottom line.
func (e *editing) colon(text string) {
	if number, err := strconv.Atoi(text); err == nil {
		e.row, e.column = number-1, 0
		return
	}
	if text == "$" {
		e.row = len(e.lines) - 1
		return
	}
	if strings.HasPrefix(text, "%s") || strings.HasPrefix(text, "s/") {
		e.replace(text)
		return
	}
	name, operand, _ := strings.Cut(text, " ")
	switch name {
	case "w", "w!":
		e.save(strings.TrimSpace(operand))
	case "wq", "x", "wq!", "x!":
		e.ended = e.save(strings.TrimSpace(operand))
	case "q":
		if e.changed {
			e.message = "No write since last change (:q! overrides)"
			return
		}
		e.ended = true
	case "q!":
		e.ended = true
	case "e", "e!":
		if operand != "" {
			e.name = strings.TrimSpace(operand)
		}
		if err := e.load(); err != nil {
			e.message = e.name + ": " + program.Reason(err)
		}
		e.row, e.column, e.changed = 0, 0, false
	case "set", "":
	default:
		e.message = "':" + text + "' is not implemented"
	}
}

// replace is :s and :%s.
func (e *editing) replace(text string) {
	first, last := e.row, e.row
	if rest, everywhere := strings.CutPrefix(text, "%"); everywhere {
		text, first, last = rest, 0, len(e.lines)-1
	}
	parts := strings.Split(text[1:], text[1:2])
	if len(parts) < 3 {
		e.message = "s needs a pattern and what replaces it"
		return
	}
	expression, err := posix.Compile(parts[1], false, strings.Contains(strings.Join(parts[3:], ""), "i"))
	if err != nil {
		e.message = err.Error()
		return
	}
	e.remember()
	for row := first; row <= last; row++ {
		all := len(parts) > 3 && strings.Contains(parts[3], "g")
		line, done := string(e.lines[row]), false
		e.lines[row] = []rune(expression.ReplaceAllStringFunc(line, func(match string) string {
			if done && !all {
				return match
			}
			done = true
			return strings.ReplaceAll(parts[2], "&", match)
		}))
	}
}
