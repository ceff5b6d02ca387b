package applets

import (
	"os"

	"wasmlet.dev/toolbox/program"
)

// syncFiles brings the named files to the disk. Without names there is nothing to do: WASI can sync files only, and
// this program keeps nothing back.
func syncFiles(process *program.Process) int {
	_, names, err := process.Parse("df")
	if err != nil {
		return badUsage(process, err)
	}
	status := 0
	for _, name := range names {
		if err := syncFile(process.Path(name)); err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
