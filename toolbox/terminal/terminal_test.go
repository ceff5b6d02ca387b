package terminal

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"
)

// typing is a terminal whose keys have been typed, and what it shows.
func typing(t *testing.T, keys string, interrupted func()) (*Terminal, *bytes.Buffer) {
	reader, writer := io.Pipe()
	var shown bytes.Buffer
	terminal := &Terminal{output: &shown, changed: make(chan struct{}), onBreak: interrupted}
	go func() {
		io.WriteString(writer, keys)
		writer.Close()
	}()
	terminal.pump(reader)
	return terminal, &shown
}

func TestLines(t *testing.T) {
	for keys, expected := range map[string][2]string{
		"ab\r":               {"ab\n", "ab\r\n"},
		"abx\x7fc\r":         {"abc\n", "abx\b \bc\r\n"},
		"one two\x17three\r": {"one three\n", "one two\b \b\b \b\b \bthree\r\n"},
		"gone\x15kept\r":     {"kept\n", "gone\b \b\b \b\b \b\b \bkept\r\n"},
		"ab\x04":             {"ab", "ab"},
		"é\x7fe\r":           {"e\n", "é\b \be\r\n"},
		"\x01\r":             {"\x01\n", "^A\r\n"},
	} {
		terminal, shown := typing(t, keys, nil)
		data := make([]byte, 100)
		count, _ := terminal.Read(data)
		if string(data[:count]) != expected[0] || shown.String() != expected[1] {
			t.Errorf("%q: %q, shown as %q", keys, data[:count], shown)
		}
	}
}

func TestEndOfInputStandsBetweenLines(t *testing.T) {
	terminal, _ := typing(t, "a\r\x04b\r", nil)
	data := make([]byte, 100)
	for _, expected := range []string{"a\n", "", "b\n"} {
		count, err := terminal.Read(data)
		if string(data[:count]) != expected || (err == io.EOF) != (expected == "") {
			t.Errorf("%q, %v, not %q", data[:count], err, expected)
		}
	}
}

func TestInterruptDropsWhatWasTyped(t *testing.T) {
	interrupted := false
	terminal, shown := typing(t, "a\rb\x03c\r", func() { interrupted = true })
	data := make([]byte, 100)
	count, _ := terminal.Read(data)
	if !interrupted || string(data[:count]) != "c\n" || shown.String() != "a\r\nb^C\r\nc\r\n" {
		t.Errorf("%v %q %q", interrupted, data[:count], shown)
	}
}

func TestKeysAreWhatWasTypedAhead(t *testing.T) {
	terminal, _ := typing(t, "a\r\x04b", nil)
	release := terminal.Raw()
	keys, _ := terminal.ReadKeys(context.Background(), time.Second)
	if keys != "a\r\x04b" {
		t.Errorf("%q", keys)
	}
	release()
}

func TestNewlinesBeginAtTheLeft(t *testing.T) {
	terminal, shown := typing(t, "", nil)
	io.WriteString(terminal, "a\nb")
	if shown.String() != "a\r\nb" {
		t.Errorf("%q", shown)
	}
}
