package applets

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type batcher struct {
	process *program.Process
	options program.Options
	command []string
	most    int // words of the input in one command
	words   []string
	size    int
	status  int
	ran     bool
}

const longestCommand = 128 << 10

// xargs runs a command with words of the input: with -0, -d, -I, -n, -L, -r and -t.
func xargs(process *program.Process) int {
	options, command, err := process.Parse("+0d:E:e:I:L:n:oprP:s:tx", "null=0", "delimiter=d", "max-args=n", "no-run-if-empty=r",
		"verbose=t", "max-procs=P", "replace=I", "max-lines=L")
	if err != nil {
		return badUsage(process, err)
	}
	if len(command) == 0 {
		command = []string{"echo"}
	}
	run := &batcher{process: process, options: options, command: command, most: 1 << 30}
	if text := options.Or('n', options['L']); text != "" {
		if run.most, err = strconv.Atoi(text); err != nil || run.most < 1 {
			return badUsage(process, errors.New("invalid number '"+text+"'"))
		}
	}
	if options.Has("I") {
		run.most = 1
	}
	if err := run.read(process.Stdin); err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	if len(run.words) > 0 || (!run.ran && !options.Has("rI")) {
		run.run()
	}
	return run.status
}

func (b *batcher) read(input io.Reader) error {
	switch {
	case b.options.Has("0"):
		return eachPart(input, 0, b.add)
	case b.options.Has("d"):
		plain, _ := unescape(b.options['d'])
		if plain == "" {
			return errors.New("the delimiter is empty")
		}
		return eachPart(input, plain[0], b.add)
	case b.options.Has("IL"):
		return eachLine(input, func(line string) error {
			if strings.TrimSpace(line) == "" {
				return nil
			}
			return b.add(strings.TrimLeft(line, " \t"))
		})
	}
	return eachWord(input, b.add)
}

// eachWord splits at blanks and newlines, and heeds quotes and backslashes.
func eachWord(input io.Reader, use func(string) error) error {
	reader := bufio.NewReader(input)
	word, inWord, quote := []byte{}, false, byte(0)
	for {
		letter, err := reader.ReadByte()
		if err != nil {
			if quote != 0 {
				return errors.New("unmatched quote")
			}
			if inWord {
				return use(string(word))
			}
			return ignoreEnd(err)
		}
		switch {
		case quote != 0 && letter == quote:
			quote = 0
		case quote != 0:
			word = append(word, letter)
		case letter == '"' || letter == '\'':
			quote, inWord = letter, true
		case letter == '\\':
			if letter, err = reader.ReadByte(); err == nil {
				word, inWord = append(word, letter), true
			}
		case letter == '\n' || isBlank(letter):
			if inWord {
				if err := use(string(word)); err != nil {
					return err
				}
			}
			word, inWord = word[:0], false
		default:
			word, inWord = append(word, letter), true
		}
	}
}

var errStop = errors.New("a command ended with 255")

func (b *batcher) add(word string) error {
	if len(b.words) > 0 && b.size+len(word) > longestCommand {
		b.run()
	}
	b.words = append(b.words, word)
	b.size += len(word) + 1
	if len(b.words) >= b.most {
		b.run()
	}
	if b.status == 124 {
		return errStop
	}
	return b.process.Context.Err()
}

func (b *batcher) run() {
	args := slices.Concat(b.command, b.words)
	if replaced, given := b.options['I']; given {
		args = mapped(b.command, func(word string) string { return strings.ReplaceAll(word, replaced, b.words[0]) })
	}
	b.words, b.size, b.ran = nil, 0, true
	if b.options.Has("t") {
		io.WriteString(b.process.Stderr, strings.Join(args, " ")+"\n")
	}
	inner := b.process.With(args...)
	inner.Stdin = strings.NewReader("")
	switch status := runCommand(b.process, inner); {
	case status == 255:
		b.status = 124
	case status == program.NotFound || status == program.NotExecutable:
		b.status = status
	case status != 0:
		b.status = 123
	}
}
