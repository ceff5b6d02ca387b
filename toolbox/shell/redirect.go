package shell

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

const (
	create    = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	appending = os.O_WRONLY | os.O_CREATE | os.O_APPEND
)

// isPermanent is true for `exec` alone: its redirections are the shell's from then on.
func isPermanent(command syntax.Command) bool {
	call, isCall := command.(*syntax.CallExpr)
	return isCall && len(call.Args) == 1 && call.Args[0].Lit() == "exec"
}

// redirect changes the streams and returns the files that it opened, also with an error.
func (s *Shell) redirect(redirects []*syntax.Redirect) (files []io.Closer, err error) {
	for _, each := range redirects {
		file, err := s.redirectOne(each)
		if file != nil {
			files = append(files, file)
		}
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

func (s *Shell) redirectOne(redirect *syntax.Redirect) (io.Closer, error) {
	if isHereDocument(redirect) {
		return nil, s.hereDocument(redirect)
	}
	word, err := expand.Literal(s.expansion(), redirect.Word)
	if err != nil {
		return nil, err
	}
	switch redirect.Op {
	case syntax.RdrOut:
		flags := create
		if info, err := os.Stat(s.process.Path(word)); s.options.noClobber && err == nil && info.Mode().IsRegular() {
			flags |= os.O_EXCL
		}
		return s.open(redirect, 1, word, flags)
	case syntax.RdrClob:
		return s.open(redirect, 1, word, create)
	case syntax.AppOut:
		return s.open(redirect, 1, word, appending)
	case syntax.RdrIn:
		return s.open(redirect, 0, word, os.O_RDONLY)
	case syntax.RdrInOut:
		return s.open(redirect, 0, word, os.O_RDWR|os.O_CREATE)
	case syntax.RdrAll:
		return s.openBoth(redirect, word, create)
	case syntax.AppAll:
		return s.openBoth(redirect, word, appending)
	case syntax.DplIn:
		return nil, s.duplicate(redirect, 0, word)
	case syntax.DplOut:
		return nil, s.duplicate(redirect, 1, word)
	}
	return nil, fmt.Errorf("%s is not part of this shell's language", redirect.Op)
}

func isHereDocument(redirect *syntax.Redirect) bool {
	return redirect.Op == syntax.Hdoc || redirect.Op == syntax.DashHdoc || redirect.Op == syntax.WordHdoc
}

func (s *Shell) open(redirect *syntax.Redirect, standard int, name string, flags int) (io.Closer, error) {
	number, err := descriptor(redirect, standard)
	if err != nil {
		return nil, err
	}
	file, err := s.asProcess().Open(name, flags)
	if err != nil {
		verb := "open"
		if flags&os.O_CREATE != 0 {
			verb = "create"
		}
		return nil, fmt.Errorf("can't %s %s: %s", verb, name, openReason(err, flags))
	}
	s.streams[number] = stream{reader: file, writer: program.Output{Writer: file}}
	return file, nil
}

func openReason(err error, flags int) string {
	reason := program.Reason(err)
	if flags&os.O_CREATE != 0 && os.IsNotExist(err) {
		return "nonexistent directory"
	}
	if os.IsNotExist(err) {
		return "no such file"
	}
	return reason
}

func (s *Shell) openBoth(redirect *syntax.Redirect, name string, flags int) (io.Closer, error) {
	file, err := s.open(redirect, 1, name, flags)
	if err == nil {
		s.streams[2] = s.streams[1]
	}
	return file, err
}

func (s *Shell) duplicate(redirect *syntax.Redirect, standard int, word string) error {
	number, err := descriptor(redirect, standard)
	if err != nil {
		return err
	}
	if word == "-" {
		s.streams[number] = stream{}
		return nil
	}
	source, err := strconv.Atoi(word)
	if err != nil || source < 0 || source >= len(s.streams) || s.streams[source] == (stream{}) {
		return fmt.Errorf("%s: Bad file descriptor", word)
	}
	s.streams[number] = s.streams[source]
	return nil
}

func descriptor(redirect *syntax.Redirect, standard int) (int, error) {
	if redirect.N == nil {
		return standard, nil
	}
	number, err := strconv.Atoi(redirect.N.Value)
	if err != nil || number < 0 || number >= len(streams{}) {
		return 0, fmt.Errorf("%s: this shell has the descriptors 0 to 9", redirect.N.Value)
	}
	return number, nil
}

func (s *Shell) hereDocument(redirect *syntax.Redirect) error {
	number, err := descriptor(redirect, 0)
	if err != nil {
		return err
	}
	text, err := s.hereText(redirect)
	s.streams[number] = stream{reader: strings.NewReader(text)}
	return err
}

func (s *Shell) hereText(redirect *syntax.Redirect) (string, error) {
	if redirect.Op == syntax.WordHdoc {
		text, err := expand.Literal(s.expansion(), redirect.Word)
		return text + "\n", err
	}
	text, err := s.document(redirect)
	if redirect.Op == syntax.DashHdoc {
		text = withoutTabs(text)
	}
	return text, err
}

// document is a body with everything in it expanded, unless a part of its delimiter is quoted.
func (s *Shell) document(redirect *syntax.Redirect) (string, error) {
	if redirect.Word.Lit() != "" || redirect.Hdoc == nil {
		return expand.Document(s.expansion(), redirect.Hdoc)
	}
	var raw strings.Builder
	for _, part := range redirect.Hdoc.Parts {
		if literal, isLiteral := part.(*syntax.Lit); isLiteral {
			raw.WriteString(literal.Value)
		}
	}
	return raw.String(), nil
}

func withoutTabs(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for number, line := range lines {
		lines[number] = strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "")
}
