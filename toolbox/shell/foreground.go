package shell

import (
	"context"
	"fmt"
	"io"

	"wasmlet.dev/toolbox/program"
)

// inForeground runs a part that is a process of its own elsewhere. Where somebody types it is a job, which ^Z stops.
func (s *Shell) inForeground(run func(*Shell) error) error {
	if s.sits == nil {
		return run(s)
	}
	started, inner := s.newJob(printed(s.now))
	started.group.Continue(true)
	started.run(inner, func() error { return run(inner) })
	return s.attend(started)
}

// attend waits for the end of a job to which the terminal belongs, or until it is stopped.
func (s *Shell) attend(it *job) error {
	line := s.process.Context
	unlink := context.AfterFunc(line, func() { it.cancel(context.Cause(line)) })
	defer unlink()
	if s.sits != nil {
		former := s.sits.terminal.OnSuspend(func() { it.signal(program.TerminalStop) })
		defer s.sits.terminal.OnSuspend(former)
	}
	select {
	case <-it.done:
	case <-it.group.Stopped():
		if !it.hasEnded() {
			return s.leaveStopped(it)
		}
	}
	it.told = ended
	s.status = it.status
	return nil
}

func (s *Shell) leaveStopped(it *job) error {
	if it.id == 0 {
		s.jobs.add(it)
	}
	s.jobs.makeCurrent(it)
	s.status = stoppedStatus(it)
	s.showJob(2, it, false)
	return control{kind: leaveShell, isError: true, stopped: it}
}

// closeAfter closes what a command has opened, when also a job has ended that it left behind.
func closeAfter(err error, files []io.Closer) {
	if signal, isControl := err.(control); isControl && signal.stopped != nil {
		go func() {
			<-signal.stopped.done
			closeAll(files)
		}()
		return
	}
	closeAll(files)
}

// proceed lets it go on, in the foreground or behind it.
func (j *job) proceed(foreground bool) {
	j.told = "running"
	j.group.Continue(foreground)
}

// fg continues a job in the foreground.
func (s *Shell) fg(args []string) error {
	word := "%%"
	if len(args) > 0 {
		word = args[0]
	}
	found := s.findJob("fg", word)
	if found == nil {
		return nil
	}
	if found.hasEnded() {
		s.fail("fg: job has terminated")
		return nil
	}
	fmt.Fprintln(s.streams.writer(1), found.text)
	found.proceed(true)
	return s.then(s.attend(found))
}

// bg continues jobs in the background.
func (s *Shell) bg(args []string) error {
	if len(args) == 0 {
		args = []string{"%%"}
	}
	s.status = 0
	for _, word := range args {
		found := s.findJob("bg", word)
		switch {
		case found == nil:
		case !found.isStopped():
			s.fail("bg: job %d already in background", found.number)
		default:
			found.proceed(false)
			s.jobs.makeCurrent(found)
			fmt.Fprintf(s.streams.writer(1), "[%d] %s &\n", found.number, found.text)
		}
	}
	return nil
}

// hasStopped tells whether a job waits to be continued.
func (j *jobs) hasStopped() bool {
	for _, each := range j.listed() {
		if each.isStopped() {
			return true
		}
	}
	return false
}

// endStopped ends those that nobody will continue any more.
func (j *jobs) endStopped() {
	for _, each := range j.listed() {
		if each.isStopped() {
			each.signal(program.Hangup)
		}
	}
}
