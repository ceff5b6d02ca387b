package shell

import (
	"io"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// pipeline runs both sides at the same time, each in a subshell. Its status is that of the last.
func (s *Shell) pipeline(command *syntax.BinaryCmd) error {
	reader, writer := program.Pipe()
	left, right := s.subshell(), s.subshell()
	left.streams[1] = stream{writer: writer}
	if command.Op == syntax.PipeAll {
		left.streams[2] = left.streams[1]
	}
	right.streams[0] = stream{reader: reader}
	done := make(chan struct{})
	go func() {
		defer close(done)
		left.element(command.X, writer)
	}()
	s.status = right.element(command.Y, reader)
	<-done
	return nil
}

// element runs one side and closes its end, so that the other side ends too.
func (s *Shell) element(statement *syntax.Stmt, end io.Closer) int {
	defer end.Close()
	return s.finish(func() error { return s.statement(statement) })
}
