package applets

import (
	"fmt"
	"slices"

	"wasmlet.dev/toolbox/program"
)

// usageOf prints how a command is called and returns the status for that.
func usageOf(process *program.Process) int {
	name := process.Name()
	fmt.Fprintf(process.Stderr, "Usage: %s %s\n", name, lookUp(name).usage)
	return usageStatus(name)
}

// badUsage complains about options and returns the status for that.
func badUsage(process *program.Process, err error) int {
	process.Fail("%s", err)
	if name := process.Name(); lookUp(name).usage != "" && !slices.Contains(withoutHelp, name) {
		fmt.Fprintf(process.Stderr, "Usage: %s %s\n", name, lookUp(name).usage)
	}
	return usageStatus(process.Name())
}

// usageStatus is 1, but 2 for those to whom 1 is an answer.
func usageStatus(name string) int {
	switch name {
	case "[", "test", "grep", "egrep", "fgrep", "cmp", "diff", "sort", "expr":
		return 2
	}
	return 1
}

// helped gives a command its --help.
func helped(main program.Main) program.Main {
	return func(process *program.Process) int {
		if len(process.Args) == 2 && process.Args[1] == "--help" {
			process.Printf("Usage: %s %s\n", process.Name(), lookUp(process.Name()).usage)
			return 0
		}
		return main(process)
	}
}
