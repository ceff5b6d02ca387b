// The toolbox is one WebAssembly program with many names: the shell and the small commands that are expected beside it.
// Called by the name of a command it is that command; as `toolbox COMMAND ...` too. `toolbox --list` prints the names.
package main

import (
	"context"
	"os"
	"path"
	"strings"

	"wasmlet.dev/toolbox/applets"
	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
	"wasmlet.dev/toolbox/terminal"
)

func main() {
	process := &program.Process{
		Context: context.Background(),
		Args:    os.Args,
		Env:     os.Environ(),
		Dir:     workingDirectory(),
		Stdin:   host.Stdin,
		Stdout:  program.Output{Writer: os.Stdout},
		Stderr:  program.Output{Writer: os.Stderr},
	}
	if _, _, err := host.TerminalSize(); err == nil {
		sitDown(process)
	}
	if len(process.Args) == 0 {
		process.Args = []string{"toolbox"}
	}
	process.Programs = program.NewPrograms(applets.All, process)
	os.Exit(program.Run(run, process))
}

// sitDown makes the standard streams a terminal, which the runtime gives as it is: raw. ^C ends the command.
func sitDown(process *program.Process) {
	seat := terminal.New(process.Stdin, os.Stdout, host.TerminalSize)
	process.Terminal = seat
	ctx, cancel := context.WithCancelCause(process.Context)
	seat.OnInterrupt(func() { cancel(program.ErrInterrupted) })
	process.Context = ctx
	process.Stdin = program.Input{Reader: seat, Context: ctx}
	process.Stdout = program.Output{Writer: seat, Context: ctx}
	process.Stderr = program.Output{Writer: seat, Context: ctx}
}

// The runtime tells it by PWD: WASI has none.
func workingDirectory() string {
	if dir := os.Getenv("PWD"); strings.HasPrefix(dir, "/") {
		return path.Clean(dir)
	}
	return "/"
}

func run(process *program.Process) int {
	main := process.Programs.Applet(process.Name())
	if main == nil && len(process.Args) > 1 {
		if process.Args[1] == "--list" {
			process.Printf("%s\n", strings.Join(applets.Names(), "\n"))
			return 0
		}
		process.Args = process.Args[1:]
		main = process.Programs.Applet(process.Name())
	}
	if main == nil {
		return process.Fail("no such command; those of the toolbox are %s", strings.Join(applets.Names(), " "))
	}
	return main(process)
}
