package applets

import (
	"crypto/rand"
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// mktemp makes a file, or with -d a directory, of a name that was not there.
func mktemp(process *program.Process) int {
	options, words, err := process.Parse("dp:qtu", "directory=d", "tmpdir=p", "dry-run=u", "quiet=q")
	if err != nil {
		return badUsage(process, err)
	}
	template, isPlain := "tmp.XXXXXX", len(words) > 0
	if isPlain {
		template = words[0]
	}
	if !isPlain || options.Has("pt") {
		template = joined(options.Or('p', orDefault(process.Getenv("TMPDIR"), "/tmp")), template)
	}
	stem := strings.TrimRight(template, "X")
	if len(template)-len(stem) < 6 {
		return process.Fail("%s: Invalid argument: a template ends with XXXXXX", template)
	}
	for {
		name := stem + randomName(len(template)-len(stem))
		err := makeNew(process.Path(name), options)
		if os.IsExist(err) {
			continue
		}
		if err != nil && options.Has("q") {
			return 1
		}
		if err != nil {
			return process.Fail("(null): %s", program.Reason(err))
		}
		process.Printf("%s\n", name)
		return 0
	}
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func randomName(length int) string {
	name := make([]byte, length)
	rand.Read(name)
	for index, value := range name {
		name[index] = nameLetters[int(value)%len(nameLetters)]
	}
	return string(name)
}

func makeNew(path string, options program.Options) error {
	if options.Has("u") {
		return nil
	}
	if options.Has("d") {
		return os.Mkdir(path, 0o700)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}
