package applets

import (
	"io"

	"wasmlet.dev/toolbox/program"
)

func cat(process *program.Process) int {
	_, names, err := process.Parse("u")
	if err != nil {
		return badUsage(process, err)
	}
	return eachInput(process, names, func(_ string, input io.Reader) error {
		_, err := io.Copy(process.Stdout, input)
		return err
	})
}
