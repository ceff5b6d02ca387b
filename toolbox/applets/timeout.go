package applets

import (
	"context"
	"time"

	"wasmlet.dev/toolbox/program"
)

const timedOut = 143 // as busybox; 124 elsewhere

// timeout ends a command after a time. It has no signals: the command ends where it next reads, writes or sleeps.
func timeout(process *program.Process) int {
	options, words, err := process.Parse("+k:s:")
	if err != nil {
		return badUsage(process, err)
	}
	_ = options
	if len(words) < 2 {
		return usageOf(process)
	}
	length, err := duration(words[0])
	if err != nil {
		return process.Fail("%s", err)
	}
	inner := process.With(words[1:]...)
	limited, cancel := context.WithTimeout(process.Context, length)
	defer cancel()
	inner.Context = limited
	inner.Stdin, inner.Stdout = program.Input{Reader: process.Stdin, Context: limited}, program.Output{Writer: process.Stdout, Context: limited}
	status := runCommand(process, inner)
	if limited.Err() != nil && process.Context.Err() == nil {
		return timedOut
	}
	return status
}

// timeMain tells how long a command takes.
func timeMain(process *program.Process) int {
	_, words, err := process.Parse("+pv")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return usageOf(process)
	}
	start := time.Now()
	status := runCommand(process, process.With(words...))
	passed := time.Since(start)
	process.Complain("real\t%dm %.2fs\n", int(passed.Minutes()), (passed % time.Minute).Seconds())
	return status
}

// watch runs a command every two (-n) seconds, each time on an empty screen.
func watch(process *program.Process) int {
	options, words, err := process.Parse("+n:t", "interval=n", "no-title=t")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return usageOf(process)
	}
	pause := options.Or('n', "2")
	for {
		process.Printf("\x1b[H\x1b[J")
		if !options.Has("t") {
			process.Printf("Every %ss: %s\n\n", pause, joinWords(words))
		}
		shell := process.With("sh", "-c", joinWords(words))
		program.Run(process.Programs.Applet("sh"), shell)
		if status := sleep(process.With("sleep", pause)); status != 0 {
			return status
		}
	}
}
