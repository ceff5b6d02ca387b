package applets

import (
	"io"
	"os"

	"wasmlet.dev/toolbox/program"
)

// eachInput reads the named files one after the other, or the standard input where none is named. What cannot be
// read is complained about; the status is that of all.
func eachInput(process *program.Process, names []string, read func(name string, input io.Reader) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	status := 0
	for _, name := range names {
		if err := readInput(process, name, read); err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func readInput(process *program.Process, name string, read func(string, io.Reader) error) error {
	if name == "-" {
		return read(name, process.Stdin)
	}
	file, err := process.Open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := refuseDirectory(file); err != nil {
		return err
	}
	return read(name, program.Input{Reader: file, Context: process.Context})
}

// refuseDirectory: WASI would say that the descriptor is bad.
func refuseDirectory(file io.Reader) error {
	if inner, isFile := file.(*os.File); isFile {
		if info, err := inner.Stat(); err == nil && info.IsDir() {
			return errIsDirectory
		}
	}
	return nil
}
