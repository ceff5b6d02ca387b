package shell

import (
	"context"
	"strconv"

	"mvdan.cc/sh/v3/syntax"
)

// jobs are the commands that were started with &, by numbers that stand for process ids.
type jobs struct {
	started []*job
}

type job struct {
	cancel context.CancelFunc
	done   chan struct{}
	status int
}

const firstJob = 2 // 1 is the container's program

func (s *Shell) startJob(statement *syntax.Stmt) {
	inner := s.subshell()
	inner.streams[0] = stream{reader: nothing{}}
	started := &job{done: make(chan struct{})}
	inner.process.Context, started.cancel = context.WithCancel(s.process.Context)
	s.jobs.started = append(s.jobs.started, started)
	foreground := *statement
	foreground.Background = false
	go func() {
		defer close(started.done)
		started.status = inner.finish(func() error { return inner.statement(&foreground) })
	}()
	s.status = 0
}

// last is the number of the job that was started last, "" if there was none.
func (j *jobs) last() string {
	if len(j.started) == 0 {
		return ""
	}
	return strconv.Itoa(len(j.started) - 1 + firstJob)
}

func (j *jobs) find(number string) *job {
	index, err := strconv.Atoi(number)
	if err != nil || index < firstJob || index >= firstJob+len(j.started) {
		return nil
	}
	return j.started[index-firstJob]
}

func (s *Shell) wait(args []string) error {
	s.status = 0
	if len(args) == 0 {
		for _, each := range s.jobs.started {
			<-each.done
		}
	}
	for _, number := range args {
		found := s.jobs.find(number)
		if found == nil {
			s.complain("wait: %s is no job of this shell", number)
			s.status = 127
			continue
		}
		<-found.done
		s.status = found.status
	}
	return nil
}

// kill ends jobs: there are no signals, and nothing else to send them to.
func (s *Shell) kill(args []string) error {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		args = args[1:]
	}
	s.status = 0
	for _, number := range args {
		if found := s.jobs.find(number); found != nil {
			found.cancel()
		} else {
			s.fail("kill: %s is no job of this shell, and WebAssembly sees no other process", number)
		}
	}
	return nil
}
