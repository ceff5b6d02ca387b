package applets

import (
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// truncate gives files a size, or changes it by so much with + or - before it. With -c none is made.
func truncate(process *program.Process) int {
	options, names, err := process.Parse("cs:", "no-create=c", "size=s")
	if err != nil {
		return badUsage(process, err)
	}
	text, given := options['s']
	if !given || len(names) == 0 {
		return usageOf(process)
	}
	length, err := size(strings.TrimLeft(text, "+-"))
	if err != nil {
		return process.Fail("%s", err)
	}
	status := 0
	for _, name := range names {
		err := resize(process.Path(name), text[0], length, !options.Has("c"))
		if err != nil && !(options.Has("c") && os.IsNotExist(err)) {
			status = process.FailAt(name, err)
		}
	}
	return status
}

func resize(path string, sign byte, length int64, makes bool) error {
	flags := os.O_WRONLY
	if makes {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flags, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	switch sign {
	case '+':
		length += info.Size()
	case '-':
		length = max(0, info.Size()-length)
	}
	return file.Truncate(length)
}
