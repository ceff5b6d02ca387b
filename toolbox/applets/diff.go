package applets

import (
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"wasmlet.dev/toolbox/program"
)

type differ struct {
	process *program.Process
	options program.Options
	context int
	status  int
}

// diff prints how files differ, in the unified format: with -a, -b, -i, -N, -q, -r, -s, -u, -U and -w.
func diff(process *program.Process) int {
	options, names, err := process.Parse("abBdiNqrsTtuU:wL*", "brief=q", "recursive=r", "unified=u", "new-file=N",
		"ignore-case=i", "report-identical-files=s", "label=L")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) != 2 {
		return usageOf(process)
	}
	compare := differ{process: process, options: options, context: 3}
	if text, given := options['U']; given {
		if compare.context, err = strconv.Atoi(text); err != nil {
			return badUsage(process, fmt.Errorf("invalid number '%s'", text))
		}
	}
	compare.pair(names[0], names[1], 0)
	return compare.status
}

func (d *differ) isDirectory(name string) bool {
	info, err := os.Stat(d.process.Path(name))
	return name != "-" && err == nil && info.IsDir()
}

func (d *differ) pair(one, other string, depth int) {
	first, second := d.isDirectory(one), d.isDirectory(other)
	switch {
	case first && second:
		d.directories(one, other, depth)
	case first:
		d.files(joined(one, path.Base(other)), other)
	case second:
		d.files(one, joined(other, path.Base(one)))
	default:
		d.files(one, other)
	}
}

func (d *differ) directories(one, other string, depth int) {
	if depth > 0 && !d.options.Has("r") {
		d.process.Printf("Common subdirectories: %s and %s\n", one, other)
		return
	}
	names := map[string]int{}
	for bit, dir := range []string{one, other} {
		entries, err := os.ReadDir(d.process.Path(dir))
		if err != nil {
			d.process.FailAt(dir, err)
			d.status = 2
		}
		for _, each := range entries {
			names[each.Name()] |= bit + 1
		}
	}
	for _, name := range sortedKeys(names) {
		switch {
		case names[name] == 3 || d.options.Has("N"):
			d.pair(joined(one, name), joined(other, name), depth+1)
		default:
			d.process.Printf("Only in %s: %s\n", []string{one, other}[names[name]-1], name)
			d.status = max(d.status, 1)
		}
	}
}

func sortedKeys[Value any](names map[string]Value) []string {
	keys := make([]string, 0, len(names))
	for name := range names {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

func (d *differ) files(one, other string) {
	first, err := d.lines(one)
	if err == nil {
		var second []string
		if second, err = d.lines(other); err == nil {
			d.compare(one, other, first, second)
			return
		}
		one = other
	}
	d.process.FailAt(one, err)
	d.status = 2
}

func (d *differ) lines(name string) ([]string, error) {
	file, err := openInput(d.process, name)
	if err != nil {
		if d.options.Has("N") && os.IsNotExist(err) {
			return nil, nil
		}
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	lines := strings.SplitAfter(string(content), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += "\n\\ No newline at end of file\n"
	}
	return lines, err
}

func (d *differ) essence(lines []string) []string {
	return mapped(lines, func(line string) string {
		if d.options.Has("i") {
			line = strings.ToLower(line)
		}
		switch {
		case d.options.Has("w"):
			line = strings.Join(strings.Fields(line), "")
		case d.options.Has("b"):
			line = strings.Join(strings.Fields(line), " ")
		}
		return line
	})
}

func (d *differ) compare(one, other string, first, second []string) {
	matcher := difflib.NewMatcher(d.essence(first), d.essence(second))
	groups := matcher.GetGroupedOpCodes(d.context)
	if len(groups) == 0 {
		if d.options.Has("s") {
			d.process.Printf("Files %s and %s are identical\n", one, other)
		}
		return
	}
	d.status = max(d.status, 1)
	if d.options.Has("q") {
		d.process.Printf("Files %s and %s differ\n", one, other)
		return
	}
	labels := append(strings.Split(d.options['L'], "\n"), "", "")
	output := buffered(d.process)
	defer output.Flush()
	fmt.Fprintf(output, "--- %s\n+++ %s\n", labelOr(labels[0], one), labelOr(labels[1], other))
	for _, group := range groups {
		writeHunk(output, group, first, second)
	}
}

func labelOr(label, name string) string {
	if label != "" {
		return label
	}
	return name
}

func writeHunk(output io.Writer, group []difflib.OpCode, first, second []string) {
	begin, end := group[0], group[len(group)-1]
	fmt.Fprintf(output, "@@ -%s +%s @@\n", lineRange(begin.I1, end.I2), lineRange(begin.J1, end.J2))
	for _, each := range group {
		if each.Tag == 'e' {
			writeLines(output, " ", first[each.I1:each.I2])
			continue
		}
		writeLines(output, "-", first[each.I1:each.I2])
		writeLines(output, "+", second[each.J1:each.J2])
	}
}

func writeLines(output io.Writer, sign string, lines []string) {
	for _, line := range lines {
		io.WriteString(output, sign+line)
	}
}

func lineRange(first, last int) string {
	switch last - first {
	case 0:
		return fmt.Sprintf("%d,0", first)
	case 1:
		return itoa(first + 1)
	}
	return fmt.Sprintf("%d,%d", first+1, last-first)
}
