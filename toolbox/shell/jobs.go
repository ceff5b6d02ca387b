package shell

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

// jobs are the commands that were started with &, by numbers that stand for process ids.
type jobs struct {
	started []*job
	first   int // number of the first
	parent  *jobs
}

type job struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	status int
	text   string
	told   bool // its end was shown
}

// Numbers of guests are those of the kernel, which are below; a job's number can be no guest's.
const firstJob = 1<<22 + 1

func (s *Shell) startJob(statement *syntax.Stmt) {
	inner := s.subshell()
	inner.streams[0] = stream{reader: nothing{}}
	started := &job{done: make(chan struct{}), text: printed(statement)}
	inner.process.Context, started.cancel = context.WithCancelCause(context.WithoutCancel(s.process.Context))
	if s.sits == nil { // where nobody types, a job ends with its shell
		inner.process.Context, started.cancel = context.WithCancelCause(s.process.Context)
	}
	s.jobs.started = append(s.jobs.started, started)
	foreground := *statement
	foreground.Background = false
	go func() {
		defer close(started.done)
		started.status = inner.finish(func() error { return inner.statement(&foreground) })
	}()
	if s.sits != nil {
		fmt.Fprintf(s.streams.writer(2), "[%d] %s\n", len(s.jobs.started), s.jobs.last())
	}
	s.status = 0
}

func printed(statement *syntax.Stmt) string {
	var text strings.Builder
	syntax.NewPrinter(syntax.Minify(true)).Print(&text, statement)
	return strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(text.String(), "\n", "; ")), "&")
}

// inherited is what a subshell sees: $! stays what it was, but the jobs are not its own.
func (j *jobs) inherited() *jobs { return &jobs{parent: j} }

// last is the number of the job that was started last, "" if there was none.
func (j *jobs) last() string {
	switch {
	case len(j.started) > 0:
		return strconv.Itoa(len(j.started) - 1 + firstJob)
	case j.parent != nil:
		return j.parent.last()
	}
	return ""
}

// find knows a job by its number, or as %1, %%, %+ and %NAME.
func (j *jobs) find(number string) *job {
	if name, isJob := strings.CutPrefix(number, "%"); isJob {
		return j.named(name)
	}
	index, err := strconv.Atoi(number)
	if err != nil || index < firstJob || index >= firstJob+len(j.started) {
		return nil
	}
	return j.started[index-firstJob]
}

func (j *jobs) named(name string) *job {
	if name == "" || name == "%" || name == "+" {
		name = strconv.Itoa(len(j.started))
	}
	if index, err := strconv.Atoi(name); err == nil && index > 0 && index <= len(j.started) {
		return j.started[index-1]
	}
	for _, each := range j.started {
		if strings.HasPrefix(each.text, name) {
			return each
		}
	}
	return nil
}

func (j *job) hasEnded() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

func (j *job) state() string {
	switch {
	case !j.hasEnded():
		return "Running"
	case j.status == 0:
		return "Done"
	case j.status == program.Terminated:
		return "Terminated"
	}
	return fmt.Sprintf("Done(%d)", j.status)
}

func (s *Shell) listJobs(args []string) error {
	s.status = 0
	for index, each := range s.jobs.started {
		if each.told {
			continue
		}
		each.told = each.hasEnded()
		if len(args) > 0 && args[0] == "-p" {
			fmt.Fprintln(s.streams.writer(1), index+firstJob)
			continue
		}
		s.showJob(1, index)
	}
	return nil
}

func (s *Shell) showJob(descriptor, index int) {
	mark := " "
	if index == len(s.jobs.started)-1 {
		mark = "+"
	}
	each := s.jobs.started[index]
	fmt.Fprintf(s.streams.writer(descriptor), "[%d]%s  %-25s  %s\n", index+1, mark, each.state(), each.text)
}

// tellEnded shows the jobs that have ended since.
func (s *Shell) tellEnded() {
	for index, each := range s.jobs.started {
		if !each.told && each.hasEnded() {
			each.told = true
			s.showJob(2, index)
		}
	}
}

// await waits for a job, or until ^C.
func (s *Shell) await(each *job) bool {
	select {
	case <-each.done:
		return true
	case <-s.process.Context.Done():
		return false
	}
}

func (s *Shell) wait(args []string) error {
	s.status = 0
	if len(args) == 0 {
		for _, each := range s.jobs.started {
			if !s.await(each) {
				s.status = program.EndedBy(s.process.Context)
				return nil
			}
			each.told = true
		}
	}
	for _, number := range args {
		found := s.jobs.find(number)
		if found == nil {
			s.complain("wait: %s is no job of this shell", number)
			s.status = program.NotFound
			continue
		}
		if !s.await(found) {
			s.status = program.EndedBy(s.process.Context)
			return nil
		}
		found.told = true
		s.status = found.status
	}
	return nil
}

// fg waits for a job, and ends it on ^C.
func (s *Shell) fg(args []string) error {
	number := "%%"
	if len(args) > 0 {
		number = args[0]
	}
	found := s.jobs.find(number)
	if found == nil || found.hasEnded() {
		s.fail("fg: %s: no such job", strings.TrimPrefix(number, "%%"))
		return nil
	}
	fmt.Fprintln(s.streams.writer(1), found.text)
	if !s.await(found) {
		found.cancel(program.ErrInterrupted)
		<-found.done
	}
	found.told = true
	s.status = found.status
	return nil
}

// bg has nothing to do: a job is not stopped.
func (s *Shell) bg(args []string) error {
	s.fail("bg: no job of this shell is stopped")
	return nil
}

// kill ends jobs, and sends signals to the guests of the pod.
func (s *Shell) kill(args []string) error {
	if len(args) > 0 && args[0] == "-l" {
		return s.runApplet(append([]string{"kill"}, args...))
	}
	signal, numbers := "15", args
	for len(numbers) > 0 && len(numbers[0]) > 1 && numbers[0][0] == '-' {
		signal, numbers = numbers[0][1:], numbers[1:]
		if (signal == "s" || signal == "n") && len(numbers) > 0 {
			signal, numbers = numbers[0], numbers[1:]
		}
	}
	name, known := signalName(signal)
	if !known {
		s.fail("kill: bad signal name '%s'", signal)
		return nil
	}
	s.status = 0
	if len(numbers) == 0 {
		s.fail("kill: you need to specify whom to kill")
	}
	for _, number := range numbers {
		if found := s.jobs.find(number); found != nil {
			if name != "EXIT" { // 0 asks only whether it is there
				found.cancel(nil)
			}
			continue
		}
		process, err := strconv.Atoi(number)
		if err != nil {
			s.fail("kill: invalid number '%s'", number)
		} else if err := host.Kill(process, signalNumber(name)); err != nil {
			s.fail("kill: can't kill pid %d: %s", process, program.Reason(err))
		}
	}
	return nil
}

func signalNumber(name string) int {
	for number, each := range signalNames {
		if each == name {
			return number
		}
	}
	return 0
}
