package applets

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

func joinWords(words []string) string { return strings.Join(words, " ") }

// clear empties the screen.
func clearScreen(process *program.Process) int {
	process.Printf("\x1b[H\x1b[J")
	return 0
}

func reset(process *program.Process) int {
	process.Printf("\x1bc\x1b(B\x1b[0m\x1b[J\x1b[?25h")
	return 0
}

// whoami prints the user's name.
func whoami(process *program.Process) int {
	return id(process.With("id", "-un"))
}

// groups prints the names of the user's groups.
func groups(process *program.Process) int {
	return id(process.With("id", "-Gn"))
}

// uptime tells the time and how long the oldest guest of the pod has run: the node's own age is not the container's affair.
func uptime(process *program.Process) int {
	now := time.Now()
	text := fmt.Sprintf(" %s", now.UTC().Format(time.TimeOnly))
	guests, err := host.Guests()
	if err == nil && len(guests) > 0 {
		oldest := guests[0].Age()
		for _, each := range guests {
			oldest = max(oldest, each.Age())
		}
		text += " up " + lasting(oldest)
	}
	process.Printf("%s\n", text)
	return 0
}

func lasting(length time.Duration) string {
	days, hours, minutes := int(length.Hours())/24, int(length.Hours())%24, int(length.Minutes())%60
	text := ""
	if days > 0 {
		text = fmt.Sprintf("%d days, ", days)
	}
	if hours > 0 {
		return text + fmt.Sprintf("%2d:%02d", hours, minutes)
	}
	return text + fmt.Sprintf("%d min", minutes)
}

// free shows the container's memory where the runtime shows /proc/meminfo, in KiB or as -b, -m, -g and -h say.
func free(process *program.Process) int {
	options, _, err := process.Parse("bgkmh", "human=h")
	if err != nil {
		return badUsage(process, err)
	}
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return process.FailAt("/proc/meminfo", err)
	}
	kilobytes := map[string]uint64{}
	for _, line := range strings.Split(string(content), "\n") {
		name, value, _ := strings.Cut(line, ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		kilobytes[name], _ = strconv.ParseUint(number, 10, 64)
	}
	show := memoryUnit(options)
	total, unused := kilobytes["MemTotal"], kilobytes["MemFree"]
	cache := kilobytes["Buffers"] + kilobytes["Cached"] + kilobytes["SReclaimable"]
	process.Printf("%7s%12s%12s%12s%12s%12s%12s\n", "", "total", "used", "free", "shared", "buff/cache", "available")
	process.Printf("%-7s%12s%12s%12s%12s%12s%12s\n", "Mem:", show(total), show(total-unused-min(cache, total-unused)), show(unused),
		show(kilobytes["Shmem"]), show(cache), show(kilobytes["MemAvailable"]))
	swap := kilobytes["SwapTotal"]
	process.Printf("%-7s%12s%12s%12s\n", "Swap:", show(swap), show(swap-kilobytes["SwapFree"]), show(kilobytes["SwapFree"]))
	return 0
}

func memoryUnit(options program.Options) func(uint64) string {
	switch {
	case options.Has("h"):
		return func(kilobytes uint64) string { return human(kilobytes << 10) }
	case options.Has("b"):
		return func(kilobytes uint64) string { return strconv.FormatUint(kilobytes<<10, 10) }
	case options.Has("m"):
		return func(kilobytes uint64) string { return strconv.FormatUint(kilobytes>>10, 10) }
	case options.Has("g"):
		return func(kilobytes uint64) string { return strconv.FormatUint(kilobytes>>20, 10) }
	}
	return func(kilobytes uint64) string { return strconv.FormatUint(kilobytes, 10) }
}

// tty tells whether the input is a terminal: its name is not known.
func tty(process *program.Process) int {
	options, _, err := process.Parse("s")
	if err != nil {
		return badUsage(process, err)
	}
	if !process.IsTerminal(0) {
		if !options.Has("s") {
			process.Printf("not a tty\n")
		}
		return 1
	}
	if !options.Has("s") {
		process.Printf("/dev/tty\n")
	}
	return 0
}

// stty tells the terminal's size; it can set nothing: the shell itself is the line discipline.
func stty(process *program.Process) int {
	columns, rows := process.TerminalSize()
	if columns == 0 {
		return process.Fail("standard input: Inappropriate ioctl for device")
	}
	switch strings.Join(process.Args[1:], " ") {
	case "size":
		process.Printf("%d %d\n", rows, columns)
	case "", "-a":
		process.Printf("speed 38400 baud; rows %d; columns %d;\n", rows, columns)
	case "sane":
	default:
		return process.Fail("%s: the shell reads the keys of this terminal itself and has no other modes", process.Args[1])
	}
	return 0
}

// nproc prints 1: a WebAssembly program has one thread.
func nproc(process *program.Process) int {
	process.Printf("1\n")
	return 0
}
