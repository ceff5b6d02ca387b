package program

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// Output ends the command that writes where nobody reads any more, as SIGPIPE does.
type Output struct{ io.Writer }

func (o Output) Write(data []byte) (int, error) {
	written, err := o.Writer.Write(data)
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.EPIPE) || errors.Is(err, fs.ErrClosed) {
		Exit(BrokenPipe)
	}
	return written, err
}

// Pipe connects two commands. Each closes its end.
func Pipe() (*io.PipeReader, *PipeEnd) {
	reader, writer := io.Pipe()
	return reader, &PipeEnd{Output{writer}, writer}
}

// PipeEnd is the one that is written to.
type PipeEnd struct {
	Output
	io.Closer
}
