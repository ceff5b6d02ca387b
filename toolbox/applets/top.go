package applets

import (
	"runtime"
	"strconv"
	"time"

	"wasmlet.dev/toolbox/program"
)

// top tells how much memory it uses every -d seconds, -n times or for ever: a WebAssembly program sees no other one.
func top(process *program.Process) int {
	options, _, err := process.Parse("bd:n:")
	if err != nil {
		return badUsage(process, err)
	}
	pause, err := seconds(options, 'd', 5)
	if err != nil {
		return badUsage(process, err)
	}
	rounds, err := seconds(options, 'n', 0)
	if err != nil {
		return badUsage(process, err)
	}
	for round := 1; ; round++ {
		printRound(process)
		if round == rounds || sleep(process.With("sleep", strconv.Itoa(pause))) != 0 {
			return 0
		}
	}
}

func seconds(options program.Options, letter byte, missing int) (int, error) {
	text, given := options[letter]
	if !given {
		return missing, nil
	}
	return strconv.Atoi(text)
}

func printRound(process *program.Process) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	process.Printf("%s  %s\n  PID     MEM COMMAND\n    1 %6dK %s\n", time.Now().UTC().Format(time.TimeOnly),
		ownHostname(process), memory.Sys>>10, process.Args[0])
}
