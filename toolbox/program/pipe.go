package program

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"wasmlet.dev/toolbox/terminal"
)

// Output ends the command that writes where nobody reads any more, as SIGPIPE does, or when its context is done.
type Output struct {
	io.Writer
	Context context.Context // may be nil
}

func (o Output) Write(data []byte) (int, error) {
	yield(o.Context)
	written, err := o.Writer.Write(data)
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.EPIPE) || errors.Is(err, fs.ErrClosed) {
		Exit(BrokenPipe)
	}
	return written, err
}

// Input ends the command that reads when its context is done.
type Input struct {
	io.Reader
	Context context.Context
}

func (i Input) Read(data []byte) (int, error) {
	yield(i.Context)
	reader, waits := Bare(i.Reader).(*terminal.Terminal)
	if !waits {
		return i.Reader.Read(data)
	}
	for {
		waiting, release := whileForeground(i.Context)
		count, err := reader.ReadContext(waiting, data)
		wasStopped := waiting.Err() != nil && i.Context.Err() == nil
		release()
		switch {
		case count > 0 || (err == nil && !wasStopped) || err == io.EOF:
			return count, err
		case i.Context.Err() != nil:
			Exit(EndedBy(i.Context))
		case !wasStopped:
			return count, err
		}
	}
}

// whileForeground is done when the command may read from the terminal no longer: it has ended, or is stopped.
func whileForeground(ctx context.Context) (waiting context.Context, release func()) {
	running := awaitForeground(ctx)
	waiting, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(running, cancel)
	return waiting, func() { unlink(); cancel() }
}

// Bare is what is read from or written to behind all that stands before it.
func Bare(stream any) any {
	for {
		switch inner := stream.(type) {
		case Input:
			stream = inner.Reader
		case Output:
			stream = inner.Writer
		default:
			return stream
		}
	}
}

const (
	slice     = 20 * time.Millisecond
	callsEach = 16

	// A moment for those who wait for keys and sockets. Go looks for these when no timer has run out: it must not be over
	// before Go has got there.
	moment = 100 * time.Microsecond
)

var (
	calls int
	began time.Time
)

// Yield lets the others run, which nothing else makes a busy command do: there is one thread, and it is not shared by
// time. The command whose context is done ends here, and one that is stopped waits.
func Yield(ctx context.Context) { yield(ctx) }

func yield(ctx context.Context) {
	awaitRunning(ctx)
	if ctx != nil && ctx.Err() != nil {
		Exit(EndedBy(ctx))
	}
	calls++
	if calls%callsEach != 0 {
		return
	}
	if now := time.Now(); now.Sub(began) > slice {
		time.Sleep(moment)
		began = time.Now()
		awaitRunning(ctx)
		if ctx != nil && ctx.Err() != nil {
			Exit(EndedBy(ctx))
		}
	}
}

// Go runs a part of a command beside it, which may end by Exit without any harm to others.
func Go(run func()) {
	go func() {
		Run(func(*Process) int { run(); return 0 }, nil)
	}()
}

// Pipe connects two commands. Each closes its end.
func Pipe() (*io.PipeReader, *PipeEnd) {
	reader, writer := io.Pipe()
	return reader, &PipeEnd{Output{Writer: writer}, writer}
}

// PipeEnd is the one that is written to.
type PipeEnd struct {
	Output
	io.Closer
}
