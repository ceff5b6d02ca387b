package applets

import (
	"io/fs"
	"os"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// stat prints what WASI tells of a file, or a format (-c) of %n, %s, %F, %Y and %y.
func stat(process *program.Process) int {
	options, names, err := process.Parse("Lc:")
	if err != nil {
		return badUsage(process, err)
	}
	format, given := options['c']
	if !given {
		format = "  File: %n\n  Size: %s\n  Type: %F\nModify: %y"
	}
	look := os.Lstat
	if options.Has("L") {
		look = os.Stat
	}
	status := 0
	for _, name := range names {
		info, err := look(process.Path(name))
		if err != nil {
			status = process.Fail("can't stat '%s': %s", name, program.Reason(err))
			continue
		}
		process.Printf("%s\n", described(format, name, info))
	}
	return status
}

func described(format, name string, info fs.FileInfo) string {
	return strings.NewReplacer(
		"%%", "%",
		"%n", name,
		"%s", strconv.FormatInt(info.Size(), 10),
		"%F", kindInWords(info.Mode()),
		"%Y", strconv.FormatInt(info.ModTime().Unix(), 10),
		"%y", info.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"),
	).Replace(format)
}

func kindInWords(mode fs.FileMode) string {
	words := map[rune]string{'d': "directory", 'l': "symbolic link", 'c': "character special file",
		'b': "block special file", 's': "socket", 'p': "fifo", '-': "regular file"}
	return words[kind(mode)]
}
