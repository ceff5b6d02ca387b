package program

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Group is what a shell's job is elsewhere: a process group, which can be stopped and continued, and is in the terminal's
// foreground or not. Its commands wait where they next read, write or sleep.
type Group struct {
	lock       sync.Mutex
	running    context.Context // done while the group is stopped
	halt       context.CancelCauseFunc
	resumed    chan struct{} // closed when it runs and, for whoever waits to read, is in the foreground
	foreground bool
}

type groupKey struct{}

// halted counts groups that are stopped: where there is none, nobody has to look whether it is in one.
var halted atomic.Int32

// NewGroup is one that runs in the background.
func NewGroup() *Group {
	group := &Group{resumed: make(chan struct{})}
	group.running, group.halt = context.WithCancelCause(context.Background())
	return group
}

// WithGroup is a context for the commands of the group.
func WithGroup(ctx context.Context, group *Group) context.Context {
	return context.WithValue(ctx, groupKey{}, group)
}

func groupOf(ctx context.Context) *Group {
	if ctx == nil {
		return nil
	}
	group, _ := ctx.Value(groupKey{}).(*Group)
	return group
}

// Stop stops it, as this signal does.
func (g *Group) Stop(signal Signal) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.running.Err() == nil {
		halted.Add(1)
		g.halt(signal)
	}
}

// Continue lets it run on, in the foreground of the terminal or behind it.
func (g *Group) Continue(foreground bool) {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.foreground = foreground
	if g.running.Err() != nil {
		halted.Add(-1)
		g.running, g.halt = context.WithCancelCause(context.Background())
	}
	close(g.resumed)
	g.resumed = make(chan struct{})
}

// Stopped is closed when the group is stopped, which it may be already.
func (g *Group) Stopped() <-chan struct{} {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.running.Done()
}

// StoppedBy is the signal that has stopped it, 0 while it runs.
func (g *Group) StoppedBy() Signal {
	g.lock.Lock()
	defer g.lock.Unlock()
	signal, _ := context.Cause(g.running).(Signal)
	return signal
}

func (g *Group) state() (running context.Context, foreground bool, resumed <-chan struct{}) {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.running, g.foreground, g.resumed
}

// awaitRunning waits while the command's group is stopped.
func awaitRunning(ctx context.Context) {
	group := groupOf(ctx)
	if group == nil || halted.Load() == 0 {
		return
	}
	for {
		running, _, resumed := group.state()
		if running.Err() == nil || !await(ctx, resumed) {
			return
		}
	}
}

// awaitForeground waits until the command may read from the terminal or rule it. In the background it is stopped for
// asking, as SIGTTIN does. The context is done when it may no longer.
func awaitForeground(ctx context.Context) context.Context {
	group := groupOf(ctx)
	if group == nil {
		return context.Background()
	}
	for {
		running, foreground, resumed := group.state()
		switch {
		case running.Err() == nil && foreground:
			return running
		case running.Err() == nil:
			group.Stop(TerminalInput)
		case !await(ctx, resumed):
			return running
		}
	}
}

func await(ctx context.Context, resumed <-chan struct{}) (goesOn bool) {
	select {
	case <-resumed:
		return true
	case <-ctx.Done():
		return false
	}
}

// Signal is why a context is done whose command was ended by one, or why a group is stopped. Numbers are Linux', which are
// not WASI's.
type Signal int

// Those that mean something here.
const (
	Hangup        Signal = 1
	Killed        Signal = 9
	ChildEnded    Signal = 17
	Continued     Signal = 18
	Stopped       Signal = 19
	TerminalStop  Signal = 20
	TerminalInput Signal = 21
	TerminalWrite Signal = 22
	Urgent        Signal = 23
	WindowChanged Signal = 28

	// ErrInterrupted is ^C.
	ErrInterrupted Signal = 2
)

func (s Signal) Error() string { return fmt.Sprintf("signal %d", int(s)) }

// EndedBy is the exit status of a command whose context is done.
func EndedBy(ctx context.Context) int {
	if signal, isSignal := context.Cause(ctx).(Signal); isSignal {
		return 128 + int(signal)
	}
	return Terminated
}
