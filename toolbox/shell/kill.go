package shell

import (
	"strconv"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

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
			found.signal(program.Signal(signalNumber(name)))
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

// signal does what the signal does to a process that heeds none: it stops it, continues it, ends it, or nothing.
func (j *job) signal(number program.Signal) {
	if j.hasEnded() {
		return
	}
	switch number {
	case 0, program.ChildEnded, program.Urgent, program.WindowChanged:
	case program.Stopped, program.TerminalStop, program.TerminalInput, program.TerminalWrite:
		j.group.Stop(number)
	case program.Continued:
		j.proceed(false)
	default:
		j.cancel(number)
		if j.isStopped() { // other shells continue it too, so that it ends now
			j.proceed(false)
		}
	}
}

func signalNumber(name string) int {
	for number, each := range signalNames {
		if each == name {
			return number
		}
	}
	return 0
}
