package applets

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

type modeChanger struct {
	process *program.Process
	options program.Options
	change  func(mode uint64, isDirectory bool) uint64
	status  int
}

// chmod changes modes, which are octal numbers or as in u+x,go-w: with -R below directories too.
func chmod(process *program.Process) int {
	words := process.Args
	if len(words) > 1 && strings.HasPrefix(words[1], "-") && strings.Trim(words[1], "-rwxXst") == "" {
		process.Args = append([]string{words[0], "--"}, words[1:]...) // a mode such as -x
	}
	options, names, err := process.Parse("Rcfv", "recursive=R")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) < 2 {
		return usageOf(process)
	}
	change, err := readMode(names[0])
	if err != nil {
		return process.Fail("%s", err)
	}
	work := &modeChanger{process: process, options: options, change: change}
	for _, name := range names[1:] {
		work.one(name, process.Path(name))
	}
	return work.status
}

func (m *modeChanger) one(name, place string) {
	info, err := os.Stat(place)
	if err == nil {
		mode := m.change(statusOf(place, info).Mode, info.IsDir())
		err = host.Chmod(place, uint32(mode&0o7777))
	}
	if err != nil {
		m.status = m.process.FailAt(name, err)
		return
	}
	if !info.IsDir() || !m.options.Has("R") {
		return
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		m.status = m.process.FailAt(name, err)
	}
	for _, entry := range entries {
		if entry.Type()&fs.ModeSymlink == 0 {
			m.one(joined(name, entry.Name()), path.Join(place, entry.Name()))
		}
	}
}

func readMode(text string) (func(uint64, bool) uint64, error) {
	if number, err := strconv.ParseUint(text, 8, 16); err == nil && number <= 0o7777 {
		return func(uint64, bool) uint64 { return number }, nil
	}
	var steps []func(uint64, bool) uint64
	for _, part := range strings.Split(text, ",") {
		who := part[:len(part)-len(strings.TrimLeft(part, "ugoa"))]
		rest := part[len(who):]
		if rest == "" {
			return nil, fmt.Errorf("invalid mode '%s'", text)
		}
		for rest != "" {
			operator := rest[0]
			letters := rest[1:]
			if next := strings.IndexAny(letters, "+-="); next >= 0 {
				letters = letters[:next]
			}
			if strings.IndexByte("+-=", operator) < 0 || strings.Trim(letters, "rwxXstugo") != "" {
				return nil, fmt.Errorf("invalid mode '%s'", text)
			}
			rest = rest[1+len(letters):]
			steps = append(steps, modeStep(who, operator, letters))
		}
	}
	return func(mode uint64, isDirectory bool) uint64 {
		for _, step := range steps {
			mode = step(mode, isDirectory)
		}
		return mode
	}, nil
}

func modeStep(who string, operator byte, letters string) func(uint64, bool) uint64 {
	mask := uint64(0)
	for name, bits := range map[string]uint64{"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777} {
		if strings.Contains(who, name) {
			mask |= bits
		}
	}
	if who == "" {
		mask = 0o7777 &^ 0o022 // as if the umask were 022
	}
	return func(mode uint64, isDirectory bool) uint64 {
		bits := uint64(0)
		for _, letter := range letters {
			switch letter {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			case 'X':
				if isDirectory || mode&0o111 != 0 {
					bits |= 0o111
				}
			case 's':
				bits |= 0o6000
			case 't':
				bits |= 0o1000
			case 'u':
				bits |= mode >> 6 & 7 * 0o111
			case 'g':
				bits |= mode >> 3 & 7 * 0o111
			case 'o':
				bits |= mode & 7 * 0o111
			}
		}
		bits &= mask
		switch operator {
		case '+':
			return mode | bits
		case '-':
			return mode &^ bits
		}
		return mode&^(mask&0o777) | bits
	}
}

// keepMode gives a new file the mode of the one whose content it gets, before it has any.
func keepMode(from, to string) {
	if status, err := host.Stat(from, true); err == nil {
		host.Chmod(to, uint32(status.Mode&0o777)) // where the host cannot, it has the mode of every new one
	}
}
