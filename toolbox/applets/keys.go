package applets

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"wasmlet.dev/toolbox/program"
)

// keyReader gives keys one by one, however many come at once.
type keyReader struct {
	process *program.Process
	pending string
	release func() // of the terminal, nil while it has the screen no longer
}

const keySuspend = "\x1a"

// takeScreen begins with an empty screen, behind which the former one is kept.
func (k *keyReader) takeScreen() {
	k.release = k.process.RawTerminal()
	k.process.Terminal.WriteRaw([]byte("\x1b[?1049h"))
}

func (k *keyReader) giveScreen() {
	if k.release == nil {
		return
	}
	k.process.Terminal.WriteRaw([]byte("\x1b[?1049l"))
	k.process.Terminal.Unread(k.pending)
	k.pending = ""
	k.release()
	k.release = nil
}

// suspend is ^Z: it returns when a shell has continued the command. One that is ended meanwhile leaves the screen alone.
func (k *keyReader) suspend() {
	k.giveScreen()
	k.process.Suspend()
	k.takeScreen()
}

func (k *keyReader) next() (string, error) {
	for k.pending == "" {
		keys, err := k.process.Terminal.ReadKeys(k.process.Context, 0)
		if err != nil {
			return "", err
		}
		k.pending = keys
	}
	key, rest := nextKey(k.pending)
	k.pending = rest
	return key, nil
}

// nextKey takes one key off: a letter, or the sequence that an arrow or the like sends.
func nextKey(keys string) (key, rest string) {
	if strings.HasPrefix(keys, "\x1b[") || strings.HasPrefix(keys, "\x1bO") {
		end := 2 + strings.IndexFunc(keys[2:], func(letter rune) bool { return letter >= '@' && letter <= '~' })
		if end >= 2 {
			return keys[:end+1], keys[end+1:]
		}
	}
	_, size := utf8.DecodeRuneInString(keys)
	return keys[:size], keys[size:]
}

// line reads one at the bottom of the screen. It is not entered when the reader thinks better of it.
func (k *keyReader) line(row int, prompt string) (text string, entered bool) {
	typed := []rune{}
	for {
		k.process.Terminal.WriteRaw([]byte(fmt.Sprintf("\x1b[%d;1H%s%s\x1b[K", row, prompt, string(typed))))
		key, err := k.next()
		if err != nil {
			return "", false
		}
		letter, _ := utf8.DecodeRuneInString(key)
		switch {
		case letter == '\r' || letter == '\n':
			return string(typed), true
		case letter == 27 || letter == 3:
			return "", false
		case letter == 127 || letter == 8:
			if len(typed) == 0 {
				return "", false
			}
			typed = typed[:len(typed)-1]
		case letter >= ' ':
			typed = append(typed, letter)
		}
	}
}
