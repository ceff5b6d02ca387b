package applets

import (
	"io"
	"os"

	"wasmlet.dev/toolbox/program"
)

func tee(process *program.Process) int {
	options, names, err := process.Parse("ai")
	if err != nil {
		return badUsage(process, err)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if options.Has("a") {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	writers, status := []io.Writer{process.Stdout}, 0
	for _, name := range names {
		file, err := process.Open(name, flags)
		if err != nil {
			status = process.FailAt(name, err)
			continue
		}
		defer file.Close()
		writers = append(writers, file)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), process.Stdin); err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	return status
}
