package applets

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

type treePrinter struct {
	process            *program.Process
	options            program.Options
	output             *bufio.Writer
	deepest            int
	directories, files int
	status             int
}

// tree draws directories with what is in them: with -a hidden files too, with -d directories alone, with -f whole names,
// with -L so many levels.
func tree(process *program.Process) int {
	options, names, err := process.Parse("adfL:")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	draw := treePrinter{process: process, options: options, output: buffered(process), deepest: 1 << 30}
	defer draw.output.Flush()
	if text, given := options['L']; given {
		if draw.deepest, err = strconv.Atoi(text); err != nil || draw.deepest < 1 {
			return badUsage(process, fmt.Errorf("invalid level '%s'", text))
		}
	}
	for _, name := range names {
		draw.root(name)
	}
	fmt.Fprintf(draw.output, "\n%d directories, %d files\n", draw.directories, draw.files)
	return draw.status
}

func (t *treePrinter) root(name string) {
	entries, err := os.ReadDir(t.process.Path(name))
	if err != nil {
		t.status = 1
		fmt.Fprintf(t.output, "%s [error opening dir]\n", name)
		return
	}
	t.output.WriteString(name + "\n")
	t.below(entries, name, "", 1)
}

func (t *treePrinter) below(entries []fs.DirEntry, parent, indent string, depth int) {
	entries = t.wanted(entries)
	for index, entry := range entries {
		program.Yield(t.process.Context)
		branch, deeper := "├── ", "│   "
		if index == len(entries)-1 {
			branch, deeper = "└── ", "    "
		}
		name := joined(parent, entry.Name())
		t.output.WriteString(indent + branch + t.label(entry, name))
		if !entry.IsDir() {
			t.files++
			t.output.WriteByte('\n')
			continue
		}
		t.directories++
		var inside []fs.DirEntry
		if depth < t.deepest {
			var err error
			if inside, err = os.ReadDir(t.process.Path(name)); err != nil {
				t.status = 1
				t.output.WriteString(" [error opening dir]")
			}
		}
		t.output.WriteByte('\n')
		t.below(inside, name, indent+deeper, depth+1)
	}
}

func (t *treePrinter) wanted(entries []fs.DirEntry) []fs.DirEntry {
	var wanted []fs.DirEntry
	for _, entry := range entries {
		if (entry.Name()[0] != '.' || t.options.Has("a")) && (entry.IsDir() || !t.options.Has("d")) {
			wanted = append(wanted, entry)
		}
	}
	return wanted
}

func (t *treePrinter) label(entry fs.DirEntry, name string) string {
	label := entry.Name()
	if t.options.Has("f") {
		label = name
	}
	if entry.Type()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(t.process.Path(path.Clean(name))); err == nil {
			label += " -> " + target
		}
	}
	return label
}
