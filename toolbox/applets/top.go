package applets

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

// top shows the pod's guests every -d seconds, -n times or for ever. On a terminal q ends it.
func top(process *program.Process) int {
	options, _, err := process.Parse("bd:n:")
	if err != nil {
		return badUsage(process, err)
	}
	pause, err := seconds(options, 'd', 5)
	if err != nil {
		return badUsage(process, err)
	}
	rounds, err := seconds(options, 'n', 0)
	if err != nil {
		return badUsage(process, err)
	}
	keys := process.Keys()
	defer keys.Close()
	view := topView{process: process, onScreen: process.IsTerminal(1) && !options.Has("b"), before: map[int]int64{}}
	for round := 1; ; round++ {
		view.print()
		if round == rounds {
			return 0
		}
		key, status := keys.Wait(process.Context, time.Duration(pause)*time.Second)
		if status != 0 || key == "q" {
			return status
		}
	}
}

func seconds(options program.Options, letter byte, missing int) (int, error) {
	text, given := options[letter]
	if !given {
		return missing, nil
	}
	return strconv.Atoi(text)
}

type topView struct {
	process  *program.Process
	onScreen bool
	before   map[int]int64 // CPU time at the last look
	at       time.Time
}

func (v *topView) print() {
	now := time.Now()
	lines := []string{fmt.Sprintf("%s  %s", now.UTC().Format(time.TimeOnly), ownHostname(v.process))}
	guests, err := host.Guests()
	if err != nil {
		lines = append(lines, v.alone()...)
	} else {
		lines = append(lines, v.all(guests, now)...)
	}
	v.at = now
	columns, rows := v.process.TerminalSize()
	if !v.onScreen || rows == 0 {
		v.process.Printf("%s\n", strings.Join(lines, "\n"))
		return
	}
	lines = lines[:min(len(lines), rows-1)]
	for index, line := range lines {
		lines[index] = line[:min(len(line), columns)]
	}
	v.process.Printf("\x1b[H%s\x1b[K\n\x1b[J", strings.Join(lines, "\x1b[K\n"))
}

// alone is all that a program sees whose host tells of no others.
func (v *topView) alone() []string {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return []string{"  PID     MEM COMMAND", fmt.Sprintf("    1 %6dK %s", memory.Sys>>10, v.process.Args[0])}
}

func (v *topView) all(guests []host.Guest, now time.Time) []string {
	usage := map[int]float64{}
	memory := uint64(0)
	for _, each := range guests {
		since, passed := v.before[each.Process], now.Sub(v.at)
		if _, known := v.before[each.Process]; !known {
			since, passed = 0, each.Age()
		}
		usage[each.Process] = 100 * float64(each.CPU-since) / float64(max(passed, time.Millisecond))
		v.before[each.Process] = each.CPU
		memory += each.Memory
	}
	slices.SortFunc(guests, func(a, b host.Guest) int {
		return cmp.Or(cmp.Compare(usage[b.Process], usage[a.Process]), cmp.Compare(a.Process, b.Process))
	})
	lines := []string{
		fmt.Sprintf("Guests: %d, memory %s", len(guests), human(memory)),
		"  PID USER     CONTAINER              MEM  %CPU     TIME COMMAND",
	}
	for _, each := range guests {
		lines = append(lines, fmt.Sprintf("%5d %-8s %-20s %5s %5.1f %8s %s", each.Process, userNames(uint64(each.User)),
			containerLabel(each), shortMemory(each.Memory), usage[each.Process], clock(each.CPU), strings.Join(each.Command(), " ")))
	}
	return lines
}
