package applets

import (
	"slices"
	"strings"
	"syscall"

	"wasmlet.dev/toolbox/program"
)

// env prints the environment, or runs a command in a changed one.
func env(process *program.Process) int {
	options, words, err := process.Parse("+iu*0", "ignore-environment=i", "unset=u")
	if err != nil {
		return badUsage(process, err)
	}
	variables := slices.Clone(process.Env)
	if options.Has("i") {
		variables = nil
	}
	for _, name := range strings.Split(options['u'], "\n") {
		variables = without(variables, name)
	}
	for len(words) > 0 && strings.Contains(words[0], "=") {
		name, _, _ := strings.Cut(words[0], "=")
		variables = append(without(variables, name), words[0])
		words = words[1:]
	}
	if len(words) == 0 && options.Has("0") {
		process.Printf("%s\x00", strings.Join(variables, "\x00"))
		return 0
	}
	if len(words) == 0 {
		for _, item := range variables {
			process.Printf("%s\n", item)
		}
		return 0
	}
	inner := process.With(words...)
	inner.Env = variables
	return runCommand(process, inner)
}

func without(variables []string, name string) []string {
	return slices.DeleteFunc(variables, func(item string) bool { return strings.HasPrefix(item, name+"=") })
}

// runCommand runs what another command names.
func runCommand(process, inner *program.Process) int {
	found, err := process.Programs.Find(inner, inner.Args[0])
	if err == nil && found.Script {
		return program.Run(process.Programs.Applet("sh"), inner.With(append([]string{"sh", found.Path}, inner.Args[1:]...)...))
	}
	if err == nil && found.Main == nil {
		err = syscall.ENOEXEC
	}
	if err != nil {
		process.FailAt(inner.Args[0], err)
		if err == syscall.ENOENT {
			return program.NotFound
		}
		return program.NotExecutable
	}
	return program.Run(found.Main, inner)
}
