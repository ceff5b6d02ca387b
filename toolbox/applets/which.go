package applets

import "wasmlet.dev/toolbox/program"

// which prints where commands are: a path, or the name of a command that is in the toolbox alone.
func which(process *program.Process) int {
	_, names, err := process.Parse("a")
	if err != nil {
		return badUsage(process, err)
	}
	status := 0
	for _, name := range names {
		found, err := process.Programs.Find(process, name)
		switch {
		case err != nil:
			status = 1
		case found.Path == "":
			process.Printf("%s\n", name)
		default:
			process.Printf("%s\n", found.Path)
		}
	}
	return status
}

// printenv prints the values of variables, or all of them.
func printenv(process *program.Process) int {
	if len(process.Args) < 2 {
		for _, item := range process.Env {
			process.Printf("%s\n", item)
		}
		return 0
	}
	status := 0
	for _, name := range process.Args[1:] {
		value, isSet := process.Lookup(name)
		if !isSet {
			status = 1
			continue
		}
		process.Printf("%s\n", value)
	}
	return status
}
