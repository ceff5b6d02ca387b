package shell

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

func (s *Shell) expansion() *expand.Config {
	config := &expand.Config{
		Env:      environ{s},
		CmdSubst: s.substitute,
		NoUnset:  s.options.noUnset,
		ProcSubst: func(*syntax.ProcSubst) (string, error) {
			return "", errors.New("<( ) and >( ) are not part of this shell's language")
		},
	}
	if !s.options.noGlob {
		config.ReadDir2 = func(name string) ([]fs.DirEntry, error) { return os.ReadDir(s.process.Path(name)) }
	}
	return config
}

func (s *Shell) fields(words ...*syntax.Word) ([]string, error) {
	return expand.Fields(s.expansion(), words...)
}

func (s *Shell) substitute(writer io.Writer, substitution *syntax.CmdSubst) error {
	inner := s.subshell()
	inner.streams[1] = stream{writer: writer}
	s.substitutions++
	s.status = inner.finish(func() error { return inner.statements(substitution.Stmts) })
	return nil
}

// expansionFailed ends the shell. POSIX: an expansion error does, where nobody types.
func (s *Shell) expansionFailed(err error) error {
	s.complain("%s", err)
	s.status = 2
	if strings.HasSuffix(err.Error(), "division by zero") || s.sits != nil {
		s.status = 1
	}
	return failed
}
