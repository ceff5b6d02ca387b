package applets

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

type adder struct {
	process *program.Process
	options program.Options
	output  *bufio.Writer
	deepest int
	counted map[[2]uint64]bool // files with several links count once
	status  int
}

// du sums up what files take on the disk: with -a, -b, -c, -d, -h, -k, -m, -s and -x.
func du(process *program.Process) int {
	options, names, err := process.Parse("abcd:hHkLlmsx", "all=a", "max-depth=d", "human-readable=h", "summarize=s", "total=c",
		"bytes=b")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	sum := adder{process: process, options: options, output: buffered(process), deepest: 1 << 30, counted: map[[2]uint64]bool{}}
	defer sum.output.Flush()
	if text, given := options['d']; given {
		if sum.deepest, err = strconv.Atoi(text); err != nil {
			return badUsage(process, fmt.Errorf("invalid number '%s'", text))
		}
	}
	if options.Has("s") {
		sum.deepest = 0
	}
	total := uint64(0)
	for _, name := range names {
		info, err := os.Lstat(process.Path(name))
		if err != nil {
			sum.status = process.FailAt(name, err)
			continue
		}
		total += sum.add(name, process.Path(name), info, 0)
	}
	if options.Has("c") {
		sum.print(total, "total")
	}
	return sum.status
}

func (a *adder) add(name, place string, info fs.FileInfo, depth int) uint64 {
	status := statusOf(place, info)
	size := status.Blocks * 512
	if a.options.Has("b") {
		size = uint64(info.Size())
	}
	if key := [2]uint64{status.Device, status.Inode}; status.Links > 1 && !info.IsDir() && status.Inode != 0 {
		if a.counted[key] {
			return 0
		}
		a.counted[key] = true
	}
	if info.IsDir() {
		entries, err := os.ReadDir(place)
		if err != nil {
			a.status = a.process.FailAt(name, err)
		}
		for _, each := range entries {
			if inner, err := each.Info(); err == nil {
				size += a.add(joined(name, each.Name()), path.Join(place, each.Name()), inner, depth+1)
			}
		}
	}
	if depth == 0 || (depth <= a.deepest && (info.IsDir() || a.options.Has("a"))) {
		a.print(size, name)
	}
	return size
}

func (a *adder) print(size uint64, name string) {
	text := strconv.FormatUint((size+1023)/1024, 10)
	switch {
	case a.options.Has("h"):
		text = human(size)
	case a.options.Has("m"):
		text = strconv.FormatUint((size+1<<20-1)>>20, 10)
	case a.options.Has("b"):
		text = strconv.FormatUint(size, 10)
	}
	fmt.Fprintf(a.output, "%s\t%s\n", text, name)
}

// df tells of the space of file systems: those that the container has, or that of each named file.
func df(process *program.Process) int {
	options, names, err := process.Parse("ahikmPTt:", "human-readable=h")
	if err != nil {
		return badUsage(process, err)
	}
	mounts := mountTable()
	status := 0
	unit := "1K-blocks"
	if options.Has("h") {
		unit = "     Size"
	}
	process.Printf("Filesystem           %s      Used Available Use%% Mounted on\n", unit)
	if len(names) == 0 {
		for _, each := range mounts {
			space, err := host.SpaceOf(each.place)
			if err != nil || (space.Total == 0 && !options.Has("a")) {
				continue
			}
			process.Printf("%s\n", spaceLine(each, space, options.Has("h")))
		}
		return 0
	}
	for _, name := range names {
		place, err := resolve(process.Path(name), true)
		if err == nil {
			var space host.Space
			if space, err = host.SpaceOf(place); err == nil {
				process.Printf("%s\n", spaceLine(mountOf(mounts, place), space, options.Has("h")))
				continue
			}
		}
		status = process.FailAt(name, err)
	}
	return status
}

type mounted struct{ device, place string }

// mountTable is what the container has mounted, where the runtime shows it; else its root alone.
func mountTable() []mounted {
	content, _ := os.ReadFile("/proc/mounts")
	found := []mounted{}
	for _, line := range strings.Split(string(content), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 {
			found = append(found, mounted{fields[0], fields[1]})
		}
	}
	if len(found) == 0 {
		return []mounted{{"-", "/"}}
	}
	return found
}

func mountOf(mounts []mounted, place string) mounted {
	best := mounted{"-", "/"}
	for _, each := range mounts {
		if (place == each.place || strings.HasPrefix(place, strings.TrimSuffix(each.place, "/")+"/")) && len(each.place) >= len(best.place) {
			best = each
		}
	}
	return best
}

func spaceLine(mount mounted, space host.Space, readable bool) string {
	used := space.Total - space.Free
	percent := uint64(0)
	if reachable := used + space.Available; reachable > 0 {
		percent = (used*100 + reachable - 1) / reachable
	}
	show := func(bytes uint64) string { return strconv.FormatUint(bytes/1024, 10) }
	if readable {
		show = human
	}
	return fmt.Sprintf("%-20s %9s %9s %9s %3d%% %s", mount.device, show(space.Total), show(used), show(space.Available), percent, mount.place)
}
