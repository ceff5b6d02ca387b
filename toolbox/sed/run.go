package sed

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// Files is how a script reaches files that it names.
type Files interface {
	Read(name string) (string, error)
	Writer(name string) (*Output, error)
}

// Run is one run of a script over one stream of lines.
type Run struct {
	script       *Script
	quiet        bool
	input        *bufio.Reader
	output       *Output
	files        Files
	line         int
	pattern      string
	ended        bool // the line has no newline at its end
	hold         string
	appended     []string
	substituted  bool
	lastPattern  *regexp.Regexp
	next         string // the line behind, when one was looked at
	hasNext      bool
	nextEnded    bool
	exitCode     int
	isFinished   bool
	noPrint      bool
	restartsWith bool // D: the cycle goes on with what is left
}

// NewRun makes a run; `quiet` is -n.
func (s *Script) NewRun(input io.Reader, output *Output, quiet bool, files Files) *Run {
	for _, each := range s.commands {
		each.isActive = false
	}
	return &Run{script: s, quiet: quiet || s.quiet, input: bufio.NewReaderSize(input, 64<<10), output: output, files: files}
}

// All runs to the end of the input, or where the script quits. It gives the exit code.
func (r *Run) All() (int, error) {
	for !r.isFinished && (r.restartsWith || r.read()) {
		r.restartsWith, r.noPrint = false, false
		if err := r.cycle(); err != nil {
			return 1, err
		}
		if err := r.endCycle(); err != nil {
			return 1, err
		}
	}
	return r.exitCode, nil
}

func (r *Run) endCycle() error {
	if !r.quiet && !r.noPrint {
		if err := r.output.print(r.pattern, r.ended); err != nil {
			return err
		}
	}
	for _, text := range r.appended {
		if _, err := io.WriteString(r.output, text); err != nil {
			return err
		}
	}
	r.appended = nil
	return nil
}

func (r *Run) fetch() (string, bool, bool) {
	text, err := r.input.ReadString('\n')
	if text == "" && err != nil {
		return "", false, false
	}
	line, found := strings.CutSuffix(text, "\n")
	return line, !found, true
}

func (r *Run) read() bool {
	text, ended, found := r.next, r.nextEnded, r.hasNext
	r.hasNext = false
	if !found {
		text, ended, found = r.fetch()
	}
	if !found {
		return false
	}
	r.pattern, r.ended = text, ended
	r.line++
	return true
}

func (r *Run) isLast() bool {
	if !r.hasNext {
		r.next, r.nextEnded, r.hasNext = r.fetch()
	}
	return !r.hasNext
}

func (r *Run) cycle() error {
	for place := 0; place < len(r.script.commands); {
		command := r.script.commands[place]
		place++
		if r.selects(command) == command.negated {
			if command.name == '{' {
				place = command.target
			}
			continue
		}
		next, ends, err := r.execute(command, place)
		if err != nil || ends {
			return err
		}
		place = next
	}
	return nil
}

func (r *Run) selects(c *command) bool {
	if c.first == nil {
		return true
	}
	if c.second == nil {
		return r.matches(c.first)
	}
	if c.isActive {
		return r.continues(c)
	}
	startsBefore := c.first.line == 0 && c.first.pattern == nil && !c.first.last && !c.first.isEmpty && c.first.step == 0
	if startsBefore && r.line == 1 {
		c.isActive = true
		return r.continues(c)
	}
	if !r.matches(c.first) {
		return false
	}
	c.isActive = true
	switch end := c.second; {
	case end.more > 0:
		c.endLine = r.line + end.more
	case end.multiple > 0:
		c.endLine = (r.line + end.multiple - 1) / end.multiple * end.multiple
		c.isActive = c.endLine > r.line
	case end.pattern == nil && !end.last && !end.isEmpty:
		c.endLine = end.line
		c.isActive = c.endLine > r.line
	}
	return true
}

// continues tells whether a range that has begun holds this line, and ends it where it does.
func (r *Run) continues(c *command) bool {
	end := c.second
	if end.pattern != nil || end.last || end.isEmpty {
		c.isActive = !r.matches(end)
		return true
	}
	c.isActive = r.line < c.endLine
	return r.line <= c.endLine
}

func (r *Run) matches(a *address) bool {
	switch {
	case a.last:
		return r.isLast()
	case a.isEmpty:
		return r.lastPattern != nil && r.lastPattern.MatchString(r.pattern)
	case a.pattern != nil:
		r.lastPattern = a.pattern
		return a.pattern.MatchString(r.pattern)
	case a.step > 0:
		return r.line >= a.line && (r.line-a.line)%a.step == 0
	}
	return r.line == a.line
}

// execute runs a command and says where to go on, or that the cycle ends here.
func (r *Run) execute(c *command, place int) (next int, ends bool, err error) {
	switch c.name {
	case 'a':
		r.appended = append(r.appended, c.text)
	case 'i':
		_, err = io.WriteString(r.output, c.text)
	case 'c':
		r.noPrint = true
		if c.second == nil || !c.isActive || c.negated {
			_, err = io.WriteString(r.output, c.text)
		}
		return place, true, err
	case 'b':
		return c.target, false, nil
	case 't', 'T':
		jumps := r.substituted == (c.name == 't')
		r.substituted = false
		if jumps {
			return c.target, false, nil
		}
	case 's':
		err = r.substitute(c.substitute)
	case 'y':
		r.pattern = strings.Map(func(letter rune) rune {
			if changed, known := c.table[letter]; known {
				return changed
			}
			return letter
		}, r.pattern)
	case 'd':
		r.noPrint = true
		return place, true, nil
	case 'D':
		r.noPrint = true
		_, rest, found := strings.Cut(r.pattern, "\n")
		if found {
			r.pattern, r.restartsWith = rest, true
		}
		return place, true, nil
	case 'q', 'Q':
		r.isFinished, r.exitCode = true, c.number
		r.noPrint = r.noPrint || c.name == 'Q'
		return place, true, nil
	default:
		return r.executeOnSpaces(c, place)
	}
	return place, false, err
}

func (r *Run) executeOnSpaces(c *command, place int) (next int, ends bool, err error) {
	switch c.name {
	case '=':
		_, err = fmt.Fprintf(r.output, "%d\n", r.line)
	case 'F':
		_, err = io.WriteString(r.output, "-\n")
	case 'g':
		r.pattern = r.hold
	case 'G':
		r.pattern += "\n" + r.hold
	case 'h':
		r.hold = r.pattern
	case 'H':
		r.hold += "\n" + r.pattern
	case 'x':
		r.pattern, r.hold = r.hold, r.pattern
	case 'z':
		r.pattern = ""
	case 'l':
		err = r.output.print(visible(r.pattern)+"$", false)
	case 'p':
		err = r.output.print(r.pattern, r.ended)
	case 'P':
		first, _, _ := strings.Cut(r.pattern, "\n")
		err = r.output.print(first, false)
	case 'n':
		return r.replaceByNext(place)
	case 'N':
		return r.joinNext(place)
	case 'r':
		if text, failed := r.files.Read(c.text); failed == nil { // what cannot be read is as if empty
			r.appended = append(r.appended, text)
		}
	case 'w':
		err = r.writeTo(c.text)
	}
	return place, false, err
}

func (r *Run) replaceByNext(place int) (next int, ends bool, err error) {
	if err := r.endCycle(); err != nil { // whoever sees the line may type the next one
		return place, true, err
	}
	if !r.read() {
		r.isFinished, r.noPrint = true, true
		return place, true, nil
	}
	return place, false, nil
}

func (r *Run) joinNext(place int) (next int, ends bool, err error) {
	if r.isLast() {
		r.isFinished = true
		return place, true, nil // as GNU: the pattern space is printed
	}
	former := r.pattern
	r.read()
	r.pattern = former + "\n" + r.pattern
	return place, false, nil
}

func (r *Run) writeTo(name string) error {
	writer, err := r.files.Writer(name)
	if err == nil {
		err = writer.print(r.pattern, r.ended)
	}
	return err
}

func visible(text string) string {
	var shown strings.Builder
	for index := range len(text) {
		switch letter := text[index]; {
		case letter == '\\':
			shown.WriteString(`\\`)
		case letter == '\n':
			shown.WriteString(`\n`)
		case letter == '\t':
			shown.WriteString(`\t`)
		case letter < 32 || letter > 126:
			fmt.Fprintf(&shown, `\%03o`, letter)
		default:
			shown.WriteByte(letter)
		}
	}
	return shown.String()
}

func (r *Run) substitute(change *substitution) error {
	pattern := change.pattern
	if pattern == nil {
		pattern = r.lastPattern
	}
	if pattern == nil {
		return fmt.Errorf("no previous regexp")
	}
	r.lastPattern = pattern
	limit := max(1, change.number)
	if change.all {
		limit = -1
	}
	matches := pattern.FindAllStringSubmatchIndex(r.pattern, limit)
	if len(matches) < max(1, change.number) {
		return nil
	}
	matches = matches[max(0, change.number-1):]
	var text strings.Builder
	place := 0
	for _, match := range matches {
		text.WriteString(r.pattern[place:match[0]])
		text.WriteString(filled(change.replacement, r.pattern, match))
		place = match[1]
	}
	text.WriteString(r.pattern[place:])
	r.pattern, r.substituted = text.String(), true
	if change.prints {
		if err := r.output.print(r.pattern, r.ended); err != nil {
			return err
		}
	}
	if change.file != "" {
		return r.writeTo(change.file)
	}
	return nil
}

// filled is a replacement with its groups in place, and their case changed.
func filled(replacement []piece, text string, match []int) string {
	var result strings.Builder
	lasting, once := byte('E'), byte('E')
	for _, each := range replacement {
		switch each.fold {
		case 'L', 'U', 'E':
			lasting = each.fold
			continue
		case 'l', 'u':
			once = each.fold
			continue
		}
		part := each.text
		if each.group >= 0 {
			part = ""
			if first := match[2*each.group]; first >= 0 {
				part = text[first:match[2*each.group+1]]
			}
		}
		result.WriteString(folded(part, lasting, once))
		if part != "" {
			once = 'E'
		}
	}
	return result.String()
}

func folded(text string, lasting, once byte) string {
	switch lasting {
	case 'L':
		text = strings.ToLower(text)
	case 'U':
		text = strings.ToUpper(text)
	}
	letters := []rune(text)
	if len(letters) == 0 || once == 'E' {
		return text
	}
	if once == 'u' {
		letters[0] = unicode.ToUpper(letters[0])
	} else {
		letters[0] = unicode.ToLower(letters[0])
	}
	return string(letters)
}
