package applets

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

const statFormat = `  File: %N
  Size: %-10s	Blocks: %-10b IO Block: %-6o %F
Device: %Dh/%dd	Inode: %-10i  Links: %h
Access: (%a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z`

// stat prints what is known of files, or a format (-c) of it.
func stat(process *program.Process) int {
	options, names, err := process.Parse("fLtc:", "format=c", "dereference=L")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 0 {
		return usageOf(process)
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
		process.Printf("%s\n", described(options.Or('c', statFormat), name, info, process.Path(name)))
	}
	return status
}

// described fills a format. Between the percent sign and the letter there may be a width.
func described(format, name string, info fs.FileInfo, path string) string {
	status := statusOf(path, info)
	var text strings.Builder
	for format != "" {
		literal, rest, found := strings.Cut(format, "%")
		text.WriteString(literal)
		if !found {
			break
		}
		width := rest[:len(rest)-len(strings.TrimLeft(rest, "-0123456789"))]
		rest = rest[len(width):]
		if rest == "" {
			text.WriteString("%" + width)
			break
		}
		letter := rest[0]
		format = rest[1:]
		fmt.Fprintf(&text, "%"+width+"s", statField(letter, name, path, info, status))
	}
	return text.String()
}

func statField(letter byte, name, path string, info fs.FileInfo, status host.Status) string {
	decimal := func(number uint64) string { return strconv.FormatUint(number, 10) }
	moment := func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000000000 -0700") }
	seconds := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	switch letter {
	case '%':
		return "%"
	case 'n':
		return name
	case 'N':
		if target, err := os.Readlink(path); err == nil {
			return "'" + name + "' -> '" + target + "'"
		}
		return name
	case 's':
		return strconv.FormatInt(info.Size(), 10)
	case 'F':
		return kindInWords(info)
	case 'f':
		return strconv.FormatUint(status.Mode, 16)
	case 'a':
		return strconv.FormatUint(status.Mode&0o7777, 8)
	case 'A':
		return modeText(status.Mode)
	case 'u':
		return decimal(status.UID)
	case 'U':
		return userNames(status.UID)
	case 'g':
		return decimal(status.GID)
	case 'G':
		return groupNames(status.GID)
	case 'i':
		return decimal(status.Inode)
	case 'h':
		return decimal(status.Links)
	case 'b':
		return decimal(status.Blocks)
	case 'B':
		return "512"
	case 'o':
		return decimal(status.BlockSize)
	case 'd':
		return decimal(status.Device)
	case 'D':
		return strconv.FormatUint(status.Device, 16)
	case 't', 'T':
		return strconv.FormatUint(status.Special>>8&0xfff, 16)
	case 'x':
		return moment(status.Accessed)
	case 'y':
		return moment(info.ModTime())
	case 'z':
		return moment(status.Changed)
	case 'X':
		return seconds(status.Accessed)
	case 'Y':
		return seconds(info.ModTime())
	case 'Z':
		return seconds(status.Changed)
	}
	return "?"
}

func kindInWords(info fs.FileInfo) string {
	words := map[rune]string{'d': "directory", 'l': "symbolic link", 'c': "character special file",
		'b': "block special file", 's': "socket", 'p': "fifo", '-': "regular file"}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return "regular empty file"
	}
	return words[kind(info.Mode())]
}
