package shell

import (
	"context"
	"io"
	"syscall"

	"wasmlet.dev/toolbox/program"
)

// streams are the shell's descriptors, by number.
type streams [10]stream

// stream is one descriptor, closed when both are nil.
type stream struct {
	reader io.Reader
	writer io.Writer
}

func standardStreams(process *program.Process) streams {
	return streams{{reader: process.Stdin}, {writer: process.Stdout}, {writer: process.Stderr}}
}

// under are the same for the commands of a job, which wait there while it is stopped.
func (s streams) under(ctx context.Context) streams {
	for number := range s {
		if s[number].reader != nil {
			s[number].reader = program.Input{Reader: s[number].reader, Context: ctx}
		}
		if s[number].writer != nil {
			s[number].writer = program.Output{Writer: s[number].writer, Context: ctx}
		}
	}
	return s
}

func (s *streams) reader(number int) io.Reader {
	if s[number].reader == nil {
		return closed{}
	}
	return s[number].reader
}

func (s *streams) writer(number int) io.Writer {
	if s[number].writer == nil {
		return closed{}
	}
	return s[number].writer
}

type closed struct{}

func (closed) Read([]byte) (int, error)  { return 0, syscall.EBADF }
func (closed) Write([]byte) (int, error) { return 0, syscall.EBADF }

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

func closeAll(files []io.Closer) {
	for _, file := range files {
		file.Close()
	}
}
