package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"wasmlet.dev/toolbox/terminal"
)

var errInterrupted = errors.New("^C")

const (
	keyInterrupt, keySearch, keySuspend = 3, 18, 26
	mostHistory                         = 1000
)

// seat is a person's place at a terminal: lines are edited there by golang.org/x/term.
type seat struct {
	terminal *terminal.Terminal
	editor   *term.Terminal
	lines    []string // the history, the oldest first
	injected []byte   // keys to be read before those that are typed
}

func newSeat(terminal *terminal.Terminal) *seat {
	return &seat{terminal: terminal}
}

type completer func(line string, place int) (words []string, start int)

// readLine reads one line. The error is errInterrupted after ^C and io.EOF after ^D.
func (s *seat) readLine(prompt string, complete completer) (string, error) {
	release := s.terminal.Raw()
	defer release()
	lines := strings.Split(prompt, "\n")
	for _, line := range lines[:len(lines)-1] {
		fmt.Fprintln(s.terminal, line)
	}
	s.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s, rawOutput{s.terminal}}, lines[len(lines)-1])
	s.editor.History = s
	s.editor.AutoCompleteCallback = func(line string, place int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		return s.completed(line, place, complete)
	}
	columns, rows := s.terminal.Size()
	s.editor.SetSize(columns, rows) // it complains of no size but 0
	line, err := s.editor.ReadLine()
	if errors.Is(err, errInterrupted) {
		s.terminal.WriteRaw([]byte("^C\r\n"))
	}
	return line, err
}

type rawOutput struct{ terminal *terminal.Terminal }

func (r rawOutput) Write(data []byte) (int, error) { return r.terminal.WriteRaw(data) }

// Read gives the editor one key at a time: what is typed behind a line is for whoever reads next.
func (s *seat) Read(data []byte) (int, error) {
	if len(s.injected) == 0 {
		count, err := s.terminal.ReadContext(context.Background(), data[:1])
		if err != nil || count == 0 {
			return count, err
		}
	} else {
		data[0], s.injected = s.injected[0], s.injected[1:]
	}
	switch data[0] {
	case keyInterrupt:
		return 0, errInterrupted
	case keySearch:
		s.searchBack()
		return s.Read(data)
	case keySuspend:
		return s.Read(data)
	}
	return 1, nil
}

// Add, Len and At are the history for the editor; the newest is number 0.
func (s *seat) Add(line string) {
	if strings.TrimSpace(line) == "" || (len(s.lines) > 0 && s.lines[len(s.lines)-1] == line) {
		return
	}
	s.lines = append(s.lines, line)
	s.lines = s.lines[max(0, len(s.lines)-mostHistory):]
}

func (s *seat) Len() int { return len(s.lines) }

func (s *seat) At(index int) string { return s.lines[len(s.lines)-1-index] }

// searchBack is ^R: what is found takes the place of the line. It is shown in the row below.
func (s *seat) searchBack() {
	text, found, skip := "", "", 0
	s.terminal.WriteRaw([]byte("\x1bD\x1bM"))
	defer s.terminal.WriteRaw([]byte("\x1b7\r\n\x1b[K\x1b8"))
	single := make([]byte, 1)
	for {
		found = s.search(text, skip)
		s.terminal.WriteRaw([]byte("\x1b7\r\n\x1b[K(reverse-i-search)`" + text + "': " + found + "\x1b8"))
		if count, err := s.terminal.ReadContext(context.Background(), single); count == 0 || err != nil {
			return
		}
		switch key := single[0]; {
		case key == keySearch:
			skip++
		case key == 127 || key == 8:
			text, skip = text[:max(0, len(text)-1)], 0
		case key >= ' ':
			text, skip = text+string(single), 0
		case key == keyInterrupt || key == 7:
			return
		default: // it ends the search, and is a key of the line then
			s.injected = append([]byte("\x05\x15"+found), key)
			return
		}
	}
}

func (s *seat) search(text string, skip int) string {
	for index := len(s.lines) - 1; index >= 0 && text != ""; index-- {
		if strings.Contains(s.lines[index], text) {
			if skip == 0 {
				return s.lines[index]
			}
			skip--
		}
	}
	return ""
}

// completed is the line with the word at the cursor completed. Where there are several ways, they are shown.
func (s *seat) completed(line string, place int, complete completer) (string, int, bool) {
	words, start := complete(line, place)
	if len(words) == 0 {
		return line, place, true
	}
	common := words[0]
	for _, word := range words[1:] {
		for !strings.HasPrefix(word, common) {
			common = common[:len(common)-1]
		}
	}
	if len(words) == 1 && !strings.HasSuffix(common, "/") {
		common += " "
	}
	if len(words) > 1 && common == line[start:place] {
		s.show(words)
	}
	return line[:start] + common + line[place:], start + len(common), true
}

func (s *seat) show(words []string) {
	columns, _ := s.terminal.Size()
	longest := 0
	for index, word := range words {
		words[index] = word[strings.LastIndex(strings.TrimSuffix(word, "/"), "/")+1:]
		longest = max(longest, len(words[index]))
	}
	perRow := max(1, columns/(longest+2))
	var text strings.Builder
	for index, word := range words {
		text.WriteString(word)
		if index%perRow == perRow-1 || index == len(words)-1 {
			text.WriteByte('\n')
		} else {
			text.WriteString(strings.Repeat(" ", longest+2-len(word)))
		}
	}
	io.WriteString(s.editor, text.String())
}
