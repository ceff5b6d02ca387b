// Package terminal is what a kernel's terminal is elsewhere: WASI has none, so the runtime gives the keys as they are
// typed, and the echo, the editing of a line, ^C and the carriage returns are made here.
package terminal

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	interrupt, endOfInput, backspace, killLine, killWord = 3, 4, 8, 21, 23
	suspend, quit, deletion                              = 26, 28, 127

	mostTypedAhead = 64 << 10 // bytes; what is typed beyond is lost, as in a kernel's terminal
)

// Terminal is one that a person sits at. Its input is lines, which are echoed and can be edited, or with Raw keys.
type Terminal struct {
	output io.Writer
	size   func() (columns, rows int, err error)

	lock    sync.Mutex
	changed chan struct{} // closed when there is more to read
	ready   [][]byte      // typed and entered, line by line; an empty one is ^D
	closed  error         // nothing will come any more
	line    []byte        // typed, not yet entered
	raw     int
	onBreak func()
	onPause func()
}

// New makes a terminal of the raw input and output of one.
func New(input io.Reader, output io.Writer, size func() (columns, rows int, err error)) *Terminal {
	terminal := &Terminal{output: output, size: size, changed: make(chan struct{})}
	go terminal.pump(input)
	return terminal
}

// pump takes keys when they are typed, whether or not anybody reads: ^C is for whoever does not.
func (t *Terminal) pump(input io.Reader) {
	keys := make([]byte, 1024)
	for {
		count, err := input.Read(keys)
		t.lock.Lock()
		for _, key := range keys[:count] {
			t.typed(key)
		}
		if err != nil {
			t.closed = err
		}
		t.wake()
		t.lock.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *Terminal) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *Terminal) typed(key byte) {
	if t.ahead() >= mostTypedAhead && key != interrupt {
		return
	}
	if t.raw > 0 {
		if len(t.ready) == 0 {
			t.ready = [][]byte{nil}
		}
		last := len(t.ready) - 1
		t.ready[last] = append(t.ready[last], key)
		return
	}
	switch key {
	case interrupt, quit:
		t.echo("^" + string(rune(key+'@')) + "\r\n")
		t.line, t.ready = nil, nil
		if t.onBreak != nil {
			t.onBreak()
		}
	case endOfInput:
		t.enter()
	case '\r', '\n':
		t.echo("\r\n")
		t.line = append(t.line, '\n')
		t.enter()
	case backspace, deletion:
		t.erase(1)
	case killLine:
		t.erase(len(t.line))
	case killWord:
		trimmed := strings.TrimRight(string(t.line), " \t")
		t.erase(utf8.RuneCount(t.line[strings.LastIndexAny(trimmed, " \t")+1:]))
	case suspend:
		if t.onPause == nil {
			t.echo("^Z")
			return
		}
		t.echo("^Z\r\n")
		t.line, t.ready = nil, nil
		t.onPause()
	default:
		t.line = append(t.line, key)
		if key < ' ' && key != '\t' {
			t.echo("^" + string(rune(key+'@')))
		} else {
			t.echo(string([]byte{key}))
		}
	}
}

func (t *Terminal) enter() {
	t.ready = append(t.ready, t.line)
	t.line = nil
}

// ahead is how many bytes nobody has read yet.
func (t *Terminal) ahead() int {
	count := len(t.line)
	for _, line := range t.ready {
		count += len(line)
	}
	return count
}

// erase takes so many letters back.
func (t *Terminal) erase(letters int) {
	for ; letters > 0 && len(t.line) > 0; letters-- {
		letter, size := utf8.DecodeLastRune(t.line)
		t.line = t.line[:len(t.line)-size]
		t.echo("\b \b")
		if letter < ' ' && letter != '\t' {
			t.echo("\b \b")
		}
	}
}

func (t *Terminal) echo(text string) {
	io.WriteString(t.output, text) // whoever does not see it has gone
}

// Read waits for a line, or for keys in raw mode.
func (t *Terminal) Read(data []byte) (int, error) {
	return t.ReadContext(context.Background(), data)
}

// ReadContext is Read until the context is done.
func (t *Terminal) ReadContext(ctx context.Context, data []byte) (int, error) {
	for {
		t.lock.Lock()
		if ctx.Err() != nil { // what is there is for whoever reads next
			t.lock.Unlock()
			return 0, ctx.Err()
		}
		if len(t.ready) > 0 {
			count, err := t.take(data)
			t.lock.Unlock()
			return count, err
		}
		closed, changed := t.closed, t.changed
		t.lock.Unlock()
		if closed != nil {
			return 0, closed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// take gives one line at most, so that the next is left for the next reader.
func (t *Terminal) take(data []byte) (int, error) {
	line := t.ready[0]
	count := copy(data, line)
	if count == len(line) {
		t.ready = t.ready[1:]
	} else {
		t.ready[0] = line[count:]
	}
	if len(line) == 0 {
		return 0, io.EOF
	}
	return count, nil
}

// Unread gives keys back that were read in raw mode, for whoever reads next.
func (t *Terminal) Unread(keys string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if keys != "" {
		t.ready = append([][]byte{[]byte(keys)}, t.ready...)
	}
}

// ReadKeys waits for keys, at most so long (0: for ever). Nothing is read when the time is over.
func (t *Terminal) ReadKeys(ctx context.Context, patience time.Duration) (string, error) {
	waiting := ctx
	if patience > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	data := make([]byte, 256)
	count, err := t.ReadContext(waiting, data)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = nil
	}
	return string(data[:count]), err
}

// Raw gives keys as they are typed, unechoed, until it is released.
func (t *Terminal) Raw() (release func()) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.raw++
	if keys := t.keysAhead(); len(keys) > 0 {
		t.ready, t.line = [][]byte{keys}, nil
	}
	return t.release
}

// keysAhead are the keys that were typed for what nobody has read yet.
func (t *Terminal) keysAhead() []byte {
	var keys []byte
	for _, line := range t.ready {
		if len(line) == 0 {
			line = []byte{endOfInput}
		}
		keys = append(keys, line...)
	}
	return bytes.ReplaceAll(append(keys, t.line...), []byte{'\n'}, []byte{'\r'})
}

// release goes back to lines: also with what was typed ahead.
func (t *Terminal) release() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.raw--; t.raw > 0 {
		return
	}
	ahead := t.keysAhead()
	t.ready = nil
	for _, key := range ahead {
		t.typed(key)
	}
}

// OnInterrupt says what ^C does while lines are read, or while nobody reads. It gives back what it did before.
func (t *Terminal) OnInterrupt(do func()) (former func()) {
	t.lock.Lock()
	defer t.lock.Unlock()
	former, t.onBreak = t.onBreak, do
	return former
}

// OnSuspend says what ^Z does then; nil: nothing. It gives back what it did before.
func (t *Terminal) OnSuspend(do func()) (former func()) {
	t.lock.Lock()
	defer t.lock.Unlock()
	former, t.onPause = t.onPause, do
	return former
}

// Write writes text: each newline begins at the left.
func (t *Terminal) Write(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	_, err := io.WriteString(t.output, strings.ReplaceAll(string(text), "\n", "\r\n"))
	if err != nil {
		return 0, err
	}
	return len(text), nil
}

// WriteRaw writes what is made for the terminal alone.
func (t *Terminal) WriteRaw(text []byte) (int, error) { return t.output.Write(text) }

// Size is how much fits on the screen; 80 and 24 where it does not say.
func (t *Terminal) Size() (columns, rows int) {
	columns, rows, err := t.size()
	if err != nil || columns == 0 || rows == 0 {
		return 80, 24
	}
	return columns, rows
}
