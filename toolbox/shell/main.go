package shell

import (
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// Main is sh: `sh [-eufx] [-c COMMAND [NAME [ARGUMENT ...]]] [SCRIPT [ARGUMENT ...]]`, else commands from its input, also
// with `-s [ARGUMENT ...]`.
func Main(process *program.Process) int {
	shell := newShell(process, process.Args[0], nil)
	rest, source, err := shell.startOptions(process.Args[1:])
	switch {
	case err != nil:
		shell.complain("%s", err)
		return 2
	case source == 'c':
		return shell.runWord(rest)
	case len(rest) > 0 && source != 's':
		return shell.runScript(rest)
	}
	shell.params = rest
	if process.Terminal != nil && process.IsTerminal(0) {
		return shell.finish(shell.interact)
	}
	return shell.finish(shell.runInput)
}

// startOptions tells by a letter where the commands are: 'c' in a word, 's' in the input, 0 in a file if there is a rest.
func (s *Shell) startOptions(args []string) (rest []string, source rune, err error) {
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "--") {
			return nil, 0, fmt.Errorf("illegal option %s", word)
		}
		for _, letter := range "sc" {
			if word[0] == '-' && strings.ContainsRune(word, letter) {
				source = letter
			}
		}
		args, err = s.setOption(word[:1]+strings.Map(withoutStartLetters, word[1:]), args)
		if err != nil {
			return nil, 0, err
		}
	}
	return args, source, nil
}

// withoutStartLetters drops the options that say how the shell is started.
func withoutStartLetters(letter rune) rune {
	if strings.ContainsRune("cils", letter) {
		return -1
	}
	return letter
}

func (s *Shell) runWord(args []string) int {
	if len(args) == 0 {
		s.complain("-c needs a command")
		return 2
	}
	if len(args) > 1 {
		s.name, s.params = args[1], args[2:]
	}
	return s.finish(func() error { return s.source(args[0], s.name) })
}

func (s *Shell) runScript(args []string) int {
	text, err := os.ReadFile(s.process.Path(args[0]))
	if err != nil {
		s.complain("can't open '%s': %s", args[0], program.Reason(err))
		return program.NotFound
	}
	s.name, s.params = args[0], args[1:]
	return s.finish(func() error { return s.source(string(text), args[0]) })
}

// source runs text in this shell. What comes before a syntax error is run, as elsewhere.
func (s *Shell) source(text, name string) error {
	return s.runFrom(strings.NewReader(text))
}

// runInput reads no further than it must: the rest is for the commands that it starts.
func (s *Shell) runInput() error {
	return s.runFrom(byteByByte{s.streams.reader(0)})
}

func (s *Shell) runFrom(reader io.Reader) error {
	parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
	var read []*syntax.Stmt
	for statement, err := range parser.StmtsSeq(reader) {
		if err != nil {
			return err
		}
		read = append(read, statement)
		if goesOnBeforeHereDocument(read) {
			continue
		}
		if err := s.statements(read); err != nil {
			return err
		}
		read = read[:0]
	}
	return s.statements(read)
}

// goesOnBeforeHereDocument: a here-document follows its line, on which other commands may come first. An empty one looks
// as if it had not been read yet, and waits for the next command: nothing else comes of that.
func goesOnBeforeHereDocument(read []*syntax.Stmt) bool {
	lacks := false
	for _, statement := range read {
		syntax.Walk(statement, func(node syntax.Node) bool {
			redirect, _ := node.(*syntax.Redirect)
			lacks = lacks || (redirect != nil && redirect.Hdoc == nil && redirect.Op != syntax.WordHdoc && isHereDocument(redirect))
			return !lacks
		})
	}
	return lacks && read[len(read)-1].Semicolon.IsValid()
}

type byteByByte struct{ io.Reader }

func (b byteByByte) Read(data []byte) (int, error) {
	return b.Reader.Read(data[:min(1, len(data))])
}
