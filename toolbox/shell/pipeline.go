package shell

import (
	"io"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// pipeline runs both sides at the same time, each in a subshell. Its status is that of the last, or with pipefail that of
// the last that failed.
func (s *Shell) pipeline(command *syntax.BinaryCmd) error {
	reader, writer := program.Pipe()
	left, right := s.subshell(), s.subshell()
	left.streams[1] = stream{writer: writer}
	if command.Op == syntax.PipeAll {
		left.streams[2] = left.streams[1]
	}
	right.streams[0] = stream{reader: reader}
	done := make(chan struct{})
	leftStatus := 0
	go func() {
		defer close(done)
		leftStatus = left.element(command.X, writer)
	}()
	s.status = right.element(command.Y, reader)
	<-done
	if s.options.pipeFail && s.status == 0 {
		s.status = leftStatus
	}
	return nil
}

// element runs one side and closes its end, so that the other side ends too.
func (s *Shell) element(statement *syntax.Stmt, end io.Closer) int {
	defer end.Close()
	return s.finish(func() error { return s.statement(statement) })
}
