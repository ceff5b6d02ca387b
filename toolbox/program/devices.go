package program

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// File is an open file or what stands for one.
type File interface {
	io.Reader
	io.Writer
	io.Closer
}

// Open opens a file for the command. A container may have no devices: those that need no kernel are made here.
func (p *Process) Open(name string, flags int) (File, error) {
	file, err := os.OpenFile(p.Path(name), flags, 0o666)
	if err == nil {
		return file, nil
	}
	if device := p.device(p.Path(name)); device != nil && errors.Is(err, fs.ErrNotExist) {
		return device, nil
	}
	return nil, err
}

func (p *Process) device(path string) File {
	switch path {
	case "/dev/null":
		return device{Reader: nothing{}, Writer: io.Discard}
	case "/dev/zero":
		return device{Reader: zeroes{}, Writer: io.Discard}
	case "/dev/tty":
		if p.Terminal != nil {
			return device{Reader: p.Terminal, Writer: p.Terminal}
		}
		return nil
	case "/dev/stdin", "/dev/fd/0":
		return device{Reader: p.Stdin, Writer: io.Discard}
	case "/dev/stdout", "/dev/fd/1":
		return device{Reader: nothing{}, Writer: p.Stdout}
	case "/dev/stderr", "/dev/fd/2":
		return device{Reader: nothing{}, Writer: p.Stderr}
	}
	return nil
}

type device struct {
	io.Reader
	io.Writer
}

func (device) Close() error { return nil }

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

type zeroes struct{}

func (zeroes) Read(data []byte) (int, error) {
	clear(data)
	return len(data), nil
}
