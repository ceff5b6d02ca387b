package applets

import (
	"bufio"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

type listed struct {
	name, path string
	info       fs.FileInfo
}

type lister struct {
	process *program.Process
	options program.Options
	output  *bufio.Writer
	status  int
	blocks  bool // a directory was printed: an empty line parts it from the next
}

// ls lists files: with -1, -A, -a, -C, -d, -F, -h, -i, -L, -l, -n, -p, -R, -r, -S, -s, -t, -x.
func ls(process *program.Process) int {
	options, names, err := process.Parse("1AaCdFghiKLlnopRrSstuXxc", "all=a", "almost-all=A", "color=K", "recursive=R",
		"reverse=r", "human-readable=h", "directory=d", "classify=F")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	list := lister{process: process, options: options, output: buffered(process)}
	defer list.output.Flush()
	list.all(names)
	return list.status
}

func (l *lister) all(names []string) {
	var files, directories []listed
	for _, name := range names {
		each := listed{name: name, path: l.process.Path(name)}
		info, err := l.stat(each.path)
		if err != nil {
			l.status = l.process.FailAt(name, err)
			continue
		}
		each.info = info
		if info.IsDir() && !l.options.Has("d") {
			directories = append(directories, each)
		} else {
			files = append(files, each)
		}
	}
	l.sort(files)
	l.sort(directories)
	l.print(files)
	l.blocks = len(files) > 0
	for _, each := range directories {
		l.directory(each, len(names) > 1 || l.options.Has("R"))
	}
}

func (l *lister) stat(path string) (fs.FileInfo, error) {
	if l.options.Has("ldF") && !l.options.Has("L") {
		return os.Lstat(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return os.Lstat(path) // a link that leads nowhere
	}
	return info, nil
}

func (l *lister) directory(dir listed, titled bool) {
	entries, err := os.ReadDir(dir.path)
	if err != nil {
		l.status = l.process.FailAt(dir.name, err)
		return
	}
	if titled {
		if l.blocks {
			l.output.WriteByte('\n')
		}
		fmt.Fprintf(l.output, "%s:\n", dir.name)
	}
	l.blocks = true
	items := l.dots(dir)
	for _, entry := range entries {
		if entry.Name()[0] == '.' && !l.options.Has("aA") {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // it has gone meanwhile
		}
		items = append(items, listed{entry.Name(), path.Join(dir.path, entry.Name()), info})
	}
	l.sort(items)
	if l.options.Has("lns") {
		fmt.Fprintf(l.output, "total %s\n", l.total(items))
	}
	l.print(items)
	if l.options.Has("R") {
		for _, each := range items {
			if each.info.IsDir() && each.name != "." && each.name != ".." {
				each.name = joined(dir.name, each.name)
				l.directory(each, true)
			}
		}
	}
}

func (l *lister) dots(dir listed) []listed {
	if !l.options.Has("a") {
		return nil
	}
	var items []listed
	for _, name := range []string{".", ".."} {
		place := path.Join(dir.path, name)
		if info, err := os.Stat(place); err == nil {
			items = append(items, listed{name, place, info})
		}
	}
	return items
}

func (l *lister) total(items []listed) string {
	blocks := uint64(0)
	for _, each := range items {
		blocks += statusOf(each.path, each.info).Blocks
	}
	if l.options.Has("h") {
		return human(blocks * 512)
	}
	return fmt.Sprint(blocks / 2)
}

func (l *lister) sort(items []listed) {
	slices.SortStableFunc(items, func(a, b listed) int {
		order := 0
		switch {
		case l.options.Has("S"):
			order = cmp.Compare(b.info.Size(), a.info.Size())
		case l.options.Has("tc"):
			order = b.info.ModTime().Compare(a.info.ModTime())
		case l.options.Has("X"):
			order = strings.Compare(path.Ext(a.name), path.Ext(b.name))
		}
		return cmp.Or(order, strings.Compare(a.name, b.name))
	})
	if l.options.Has("r") {
		slices.Reverse(items)
	}
}

func (l *lister) print(items []listed) {
	var labels []string
	for _, each := range items {
		label := ""
		if l.options.Has("i") {
			label = padLeft(fmt.Sprint(statusOf(each.path, each.info).Inode), 7) + " "
		}
		if l.options.Has("s") {
			label += padLeft(fmt.Sprint(statusOf(each.path, each.info).Blocks/2), 4) + " "
		}
		if l.options.Has("ln") {
			label += longLine(l.mark(each), each.info, each.path, l.options.Has("n"), l.options.Has("h"))
		} else {
			label += l.mark(each)
		}
		labels = append(labels, label)
	}
	width, _ := l.process.TerminalSize()
	inColumns := l.options.Has("Cx") || (l.process.IsTerminal(1) && !l.options.Has("1"))
	if l.options.Has("ln") || !inColumns {
		width = 0
	}
	for _, line := range columns(labels, width) {
		l.output.WriteString(line + "\n")
	}
}

func (l *lister) mark(each listed) string {
	mode := each.info.Mode()
	switch {
	case mode.IsDir() && l.options.Has("pF"):
		return each.name + "/"
	case !l.options.Has("F"):
	case mode&fs.ModeSymlink != 0 && !l.options.Has("ln"):
		return each.name + "@"
	case mode&fs.ModeSocket != 0:
		return each.name + "="
	case mode&fs.ModeNamedPipe != 0:
		return each.name + "|"
	case mode.IsRegular() && statusOf(each.path, each.info).Mode&0o111 != 0:
		return each.name + "*"
	}
	return each.name
}

// columns lays names out, ordered downwards, in lines of a width; one in a line if the width is 0.
func columns(labels []string, width int) []string {
	longest := 0
	for _, each := range labels {
		longest = max(longest, len([]rune(each)))
	}
	count := max(1, (width+2)/(longest+2))
	rows := (len(labels) + count - 1) / count
	lines := make([]string, rows)
	for index, each := range labels {
		row := index % rows
		if index+rows < len(labels) {
			each += strings.Repeat(" ", longest+2-len([]rune(each)))
		}
		lines[row] += each
	}
	return lines
}

// statusOf is what the host tells of a file, or what WASI does where the host tells nothing.
func statusOf(path string, info fs.FileInfo) host.Status {
	status, err := host.Stat(path, info.Mode()&fs.ModeSymlink == 0)
	if err == nil {
		return status
	}
	modes := map[rune]uint64{'d': 0o040755, 'l': 0o120777, 'c': 0o020666, 'b': 0o060666, 's': 0o140777, 'p': 0o010666, '-': 0o100644}
	size := uint64(info.Size())
	return host.Status{Mode: modes[kind(info.Mode())], Links: 1, Size: size, Blocks: (size + 4095) / 4096 * 8, BlockSize: 4096,
		Accessed: info.ModTime(), Modified: info.ModTime(), Changed: info.ModTime()}
}

var userNames, groupNames = remembered("/etc/passwd"), remembered("/etc/group")

// remembered reads a file of names when it is first asked.
func remembered(file string) func(number uint64) string {
	var names map[string]string
	return func(number uint64) string {
		if names == nil {
			names = namesOf(file)
		}
		return nameOr(names, fmt.Sprint(number))
	}
}

// longLine is what ls -l says of a file.
func longLine(name string, info fs.FileInfo, path string, numeric bool, readable ...bool) string {
	status := statusOf(path, info)
	user, group := userNames(status.UID), groupNames(status.GID)
	if numeric {
		user, group = fmt.Sprint(status.UID), fmt.Sprint(status.GID)
	}
	size := fmt.Sprint(info.Size())
	if len(readable) > 0 && readable[0] {
		size = human(uint64(info.Size()))
	}
	if mode := info.Mode(); mode&fs.ModeDevice != 0 {
		size = fmt.Sprintf("%d, %3d", status.Special>>8&0xfff, status.Special&0xff)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + target
		}
	}
	return fmt.Sprintf("%s %4d %-8s %-8s %9s %s %s", modeText(status.Mode), status.Links, user, group, size, age(info.ModTime()), name)
}

func age(moment time.Time) string {
	moment = moment.UTC()
	since := time.Since(moment)
	if since > 180*24*time.Hour || since < -time.Hour {
		return moment.Format("Jan _2  2006")
	}
	return moment.Format("Jan _2 15:04")
}

// modeText is a mode as in drwxr-xr-x.
func modeText(mode uint64) string {
	kinds := map[uint64]byte{0o040000: 'd', 0o120000: 'l', 0o140000: 's', 0o010000: 'p', 0o020000: 'c', 0o060000: 'b'}
	text := []byte("-rwxrwxrwx")
	if letter := kinds[mode&0o170000]; letter != 0 {
		text[0] = letter
	}
	for bit := range 9 {
		if mode>>(8-bit)&1 == 0 {
			text[bit+1] = '-'
		}
	}
	for _, special := range []struct {
		bit   uint64
		place int
		set   string
	}{{0o4000, 3, "sS"}, {0o2000, 6, "sS"}, {0o1000, 9, "tT"}} {
		if mode&special.bit != 0 {
			without := 0
			if text[special.place] == '-' {
				without = 1
			}
			text[special.place] = special.set[without]
		}
	}
	return string(text)
}

// human is a number of bytes with its unit, as in 1.5M.
func human(bytes uint64) string {
	if bytes < 1024 {
		return fmt.Sprint(bytes)
	}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < 6 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f%c", value, "BKMGTPE"[unit])
}

// kind is the letter of a file's type.
func kind(mode fs.FileMode) rune {
	switch {
	case mode.IsDir():
		return 'd'
	case mode&fs.ModeSymlink != 0:
		return 'l'
	case mode&fs.ModeCharDevice != 0:
		return 'c'
	case mode&fs.ModeDevice != 0:
		return 'b'
	case mode&fs.ModeSocket != 0:
		return 's'
	case mode&fs.ModeNamedPipe != 0:
		return 'p'
	}
	return '-'
}
