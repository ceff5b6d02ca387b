package applets

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

var signalNames = strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP " +
	"TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS")

const sigTerm = 15

// SignalNumber is a signal by its name or number.
func SignalNumber(text string) (int, error) {
	if number, err := strconv.Atoi(text); err == nil && number >= 0 && number <= len(signalNames) {
		return number, nil
	}
	for index, name := range signalNames {
		if strings.EqualFold(strings.TrimPrefix(strings.ToUpper(text), "SIG"), name) {
			return index + 1, nil
		}
	}
	return 0, fmt.Errorf("bad signal name '%s'", text)
}

// takeSignal takes -9, -KILL, -s KILL off the words.
func takeSignal(words []string) (signal int, rest []string, err error) {
	signal = sigTerm
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		word := words[0][1:]
		words = words[1:]
		switch {
		case word == "-":
			return signal, words, nil
		case (word == "s" || word == "n") && len(words) > 0:
			word, words = words[0], words[1:]
		case word == "q" || word == "w" || word == "x" || word == "f":
			continue
		}
		if signal, err = SignalNumber(word); err != nil {
			return 0, nil, err
		}
	}
	return signal, words, nil
}

// kill sends a signal to guests of the pod by their numbers, or with -l lists the signals.
func kill(process *program.Process) int {
	words := process.Args[1:]
	if len(words) > 0 && words[0] == "-l" {
		return listSignals(process, words[1:])
	}
	signal, numbers, err := takeSignal(words)
	if err != nil {
		return process.Fail("%s", err)
	}
	if len(numbers) == 0 {
		return process.Fail("you need to specify whom to kill")
	}
	status := 0
	for _, text := range numbers {
		number, err := strconv.Atoi(text)
		if err != nil {
			status = process.Fail("invalid number '%s'", text)
			continue
		}
		if err := host.Kill(number, signal); err != nil {
			status = process.Fail("can't kill pid %d: %s", number, program.Reason(err))
		}
	}
	return status
}

func listSignals(process *program.Process, words []string) int {
	if len(words) == 0 {
		for index, name := range signalNames {
			process.Printf("%2d) %s\n", index+1, name)
		}
		return 0
	}
	for _, word := range words {
		number, err := SignalNumber(word)
		if err != nil {
			return process.Fail("%s", err)
		}
		if number > 0 && strings.Trim(word, "0123456789") == "" {
			process.Printf("%s\n", signalNames[number-1])
		} else {
			process.Printf("%d\n", number)
		}
	}
	return 0
}

// killall sends a signal to guests of the pod by their commands' names; pkill by a pattern.
func killall(process *program.Process) int {
	signal, names, err := takeSignal(process.Args[1:])
	if err != nil {
		return process.Fail("%s", err)
	}
	if len(names) == 0 {
		return usageOf(process)
	}
	status, isPattern := 0, process.Name() == "pkill"
	for _, name := range names {
		found := false
		options := program.Options{}
		if !isPattern {
			options['x'] = ""
			name = quotedExpression(path.Base(name))
		}
		choose, err := newChooser(options, name)
		if err != nil {
			return badUsage(process, err)
		}
		for _, guest := range guestsOf() {
			if !choose.takes(guest) {
				continue
			}
			found = true
			if err := host.Kill(guest.Process, signal); err != nil {
				status = process.Fail("can't kill pid %d: %s", guest.Process, program.Reason(err))
			}
		}
		if !found {
			status = 1
			if !isPattern {
				process.Fail("%s: no process killed", name)
			}
		}
	}
	return status
}
