package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"wasmlet.dev/toolbox/program"
)

// jobs are the commands that were started with &, and those that were stopped. None is forgotten, so that its status can
// be waited for.
type jobs struct {
	known  []*job
	behind *job // the last that was started with &
	order  int  // counts what makes a job the current one
	parent *jobs
}

// job is a pipeline, a command or a part of a script: a process group elsewhere.
type job struct {
	id     int // stands for a process id
	number int // [1]
	order  int // when it was stopped or began to run in the background: the last such is the current job
	cancel context.CancelCauseFunc
	group  *program.Group
	done   chan struct{}
	status int
	text   string
	told   string // the state that was shown last
}

// Numbers of guests are those of the kernel, which are below; a job's can be no guest's.
const firstJob = 1<<22 + 1

// newJob is a part of the shell in a group of its own, which has not begun.
func (s *Shell) newJob(text string) (*job, *Shell) {
	inner := s.subshell()
	made := &job{done: make(chan struct{}), text: text, group: program.NewGroup()}
	ctx := s.process.Context
	if s.sits != nil { // where nobody types, a job ends with its shell
		ctx = context.WithoutCancel(ctx)
	}
	inner.process.Context, made.cancel = context.WithCancelCause(ctx)
	if s.sits != nil {
		inner.process.Context = program.WithGroup(inner.process.Context, made.group)
		inner.streams = inner.streams.under(inner.process.Context)
	}
	return made, inner
}

func (j *job) run(inner *Shell, part func() error) {
	ctx := inner.process.Context
	go func() {
		defer close(j.done)
		j.status = inner.finish(part)
		if j.status == 0 && ctx.Err() != nil { // as of a loop whose condition was ended
			j.status = program.EndedBy(ctx)
		}
	}()
}

func (s *Shell) startJob(statement *syntax.Stmt) {
	foreground := *statement
	foreground.Background = false
	started, inner := s.newJob(printed(&foreground))
	if s.sits == nil {
		inner.streams[0] = stream{reader: nothing{}}
	}
	s.jobs.add(started)
	s.jobs.behind = started
	started.run(inner, func() error { return inner.statement(&foreground) })
	if s.sits != nil {
		fmt.Fprintf(s.streams.writer(2), "[%d] %d\n", started.number, started.id)
	}
	s.status = 0
}

func printed(node syntax.Node) string {
	var text strings.Builder
	syntax.NewPrinter(syntax.Minify(true)).Print(&text, node)
	return strings.TrimSpace(strings.ReplaceAll(text.String(), "\n", "; "))
}

// inherited is what a subshell sees: $! stays what it was, but the jobs are not its own.
func (j *jobs) inherited() *jobs { return &jobs{parent: j} }

func (j *jobs) add(added *job) {
	highest := 0
	for _, each := range j.listed() {
		highest = max(highest, each.number)
	}
	added.number, added.id = highest+1, firstJob+len(j.known)
	j.known = append(j.known, added)
	j.makeCurrent(added)
}

func (j *jobs) makeCurrent(it *job) {
	j.order++
	it.order = j.order
}

// listed are those whose end has not been told, by their numbers.
func (j *jobs) listed() []*job {
	var listed []*job
	for _, each := range j.known {
		if each.told != ended {
			listed = append(listed, each)
		}
	}
	return listed
}

// last is the id of the job that was started with & last, "" if there was none.
func (j *jobs) last() string {
	switch {
	case j.behind != nil:
		return strconv.Itoa(j.behind.id)
	case j.parent != nil:
		return j.parent.last()
	}
	return ""
}

// current are the jobs that + and - stand for, as far as there are such: the last that was stopped, else the last that
// was started.
func (j *jobs) current() []*job {
	listed := j.listed()
	slices.SortStableFunc(listed, func(one, other *job) int {
		if one.isStopped() != other.isStopped() {
			return cmp.Compare(other.rank(), one.rank())
		}
		return cmp.Compare(other.order, one.order)
	})
	return listed[:min(2, len(listed))]
}

func (j *job) rank() int {
	if j.isStopped() {
		return 1
	}
	return 0
}

// find knows a job by its id, or as %1, %%, %+, %-, %NAME and %?TEXT.
func (j *jobs) find(word string) *job {
	if name, isJob := strings.CutPrefix(word, "%"); isJob {
		return j.named(name)
	}
	id, err := strconv.Atoi(word)
	if err != nil || id < firstJob || id >= firstJob+len(j.known) {
		return nil
	}
	return j.known[id-firstJob]
}

func (j *jobs) named(name string) *job {
	place := strings.Index("+-", name)
	if name == "" || name == "%" {
		place = 0
	}
	if current := j.current(); place >= 0 && place < len(current) {
		return current[place]
	}
	number, _ := strconv.Atoi(name)
	for _, each := range j.listed() {
		part, isPart := strings.CutPrefix(name, "?")
		if each.number == number || (place < 0 && number == 0 && strings.HasPrefix(each.text, name)) ||
			(isPart && strings.Contains(each.text, part)) {
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

func (j *job) isStopped() bool { return !j.hasEnded() && j.group.StoppedBy() != 0 }

const ended = "ended"

// state is what there is to tell of it, once of each.
func (j *job) state() string {
	switch {
	case j.hasEnded():
		return ended
	case j.isStopped():
		return "stopped"
	}
	return "running"
}

func (j *job) stateInWords() string {
	if !j.hasEnded() {
		switch j.group.StoppedBy() {
		case 0:
			return "Running"
		case program.Stopped:
			return "Stopped (signal)"
		case program.TerminalInput:
			return "Stopped (tty input)"
		}
		return "Stopped"
	}
	switch j.status {
	case 0:
		return "Done"
	case program.Terminated:
		return "Terminated"
	case 128 + int(program.Killed):
		return "Killed"
	case program.Interrupted:
		return "Interrupt"
	}
	return fmt.Sprintf("Done(%d)", j.status)
}

// listJobs is jobs [-lprs] [JOB ...].
func (s *Shell) listJobs(args []string) error {
	s.status = 0
	options := ""
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		options += args[0][1:]
		args = args[1:]
	}
	own := s.jobs
	for own.parent != nil && len(own.known) == 0 { // POSIX: $(jobs -p) tells of the jobs of this shell
		own = own.parent
	}
	shown := own.listed()
	if len(args) > 0 {
		shown = nil
		for _, word := range args {
			if found := s.findJob("jobs", word); found != nil {
				shown = append(shown, found)
			}
		}
	}
	for _, each := range shown {
		switch {
		case strings.Contains(options, "r") && each.state() != "running", strings.Contains(options, "s") && !each.isStopped():
			continue
		case strings.Contains(options, "p"):
			fmt.Fprintln(s.streams.writer(1), each.id)
			continue
		}
		s.showJob(1, each, strings.Contains(options, "l"))
	}
	return nil
}

// findJob complains where there is none.
func (s *Shell) findJob(command, word string) *job {
	found := s.jobs.find(word)
	if found == nil || (found.told == ended && command != "wait") {
		s.fail("%s: %s: no such job", command, word)
		return nil
	}
	return found
}

func (s *Shell) showJob(descriptor int, shown *job, withID bool) {
	mark, id := " ", ""
	for index, each := range s.jobs.current() {
		if each == shown {
			mark = "+-"[index : index+1]
		}
	}
	if withID {
		id = fmt.Sprintf("%d ", shown.id)
	}
	text := shown.text
	if shown.state() == "running" {
		text += " &"
	}
	fmt.Fprintf(s.streams.writer(descriptor), "[%d]%s  %s%-25s  %s\n", shown.number, mark, id, shown.stateInWords(), text)
	shown.told = shown.state()
}

// tellChanged shows the jobs that have ended or were stopped since.
func (s *Shell) tellChanged() {
	for _, each := range s.jobs.listed() {
		if state := each.state(); state != each.told && state != "running" {
			s.showJob(2, each, false)
		}
	}
}

// await waits for a job, or until ^C. It does not wait for what is stopped.
func (s *Shell) await(each *job) bool {
	select {
	case <-each.done:
		each.told = ended
		s.status = each.status
	case <-each.group.Stopped():
		s.status = stoppedStatus(each)
	case <-s.process.Context.Done():
		s.status = program.EndedBy(s.process.Context)
		return false
	}
	return true
}

func stoppedStatus(it *job) int { return 128 + int(it.group.StoppedBy()) }

func (s *Shell) wait(args []string) error {
	s.status = 0
	if len(args) == 0 {
		for _, each := range s.jobs.listed() {
			if !s.await(each) {
				return nil
			}
		}
		s.status = 0
	}
	for _, word := range args {
		found := s.jobs.find(word)
		if found == nil {
			s.complain("wait: %s is no job of this shell", word)
			s.status = program.NotFound
			continue
		}
		if !s.await(found) {
			return nil
		}
	}
	return nil
}
