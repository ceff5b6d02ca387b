package applets

import (
	"bufio"
	"bytes"
	"os"

	"wasmlet.dev/toolbox/program"
)

// dos2unix ends lines without a carriage return, and unix2dos with one: in files, or of the standard input. -u and -d say
// which of the two.
func dos2unix(process *program.Process) int {
	options, names, err := process.Parse("du")
	if err != nil {
		return badUsage(process, err)
	}
	end := []byte("\n")
	if options.Has("d") || process.Name() == "unix2dos" && !options.Has("u") {
		end = []byte("\r\n")
	}
	if len(names) == 0 {
		return eachWholeLine(process, names, func(output *bufio.Writer, line string) { output.Write(withEnds([]byte(line), end)) })
	}
	status := 0
	for _, name := range names {
		if err := rewrite(process.Path(name), end); err != nil {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func withEnds(text, end []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\n"), end)
}

// rewrite keeps the file's mode: it is the same file.
func rewrite(path string, end []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, withEnds(text, end), 0o666)
}
