package applets

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/host"
	"wasmlet.dev/toolbox/program"
)

// guestsOf are the pod's guests: as the host tells, or else what is shown below /proc.
func guestsOf() []host.Guest {
	guests, err := host.Guests()
	if err != nil {
		return fromProc()
	}
	slices.SortFunc(guests, func(a, b host.Guest) int { return a.Process - b.Process })
	return guests
}

func fromProc() []host.Guest {
	var guests []host.Guest
	files, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is right
	for _, file := range files {
		number, err := strconv.Atoi(path.Base(path.Dir(file)))
		content, failed := os.ReadFile(file)
		if err == nil && failed == nil {
			guests = append(guests, host.Guest{Process: number, Words: strings.TrimSpace(string(content))})
		}
	}
	return guests
}

// ps lists the guests of the pod: whichever options are given, all of them.
func ps(process *program.Process) int {
	process.Args = slices.DeleteFunc(slices.Clone(process.Args), func(word string) bool {
		return word == "aux" || word == "ax" || word == "auxw" || word == "auxww" || word == "-ef" || word == "axu"
	})
	options, _, err := process.Parse("AaefFlo:p:TuwxZ")
	if err != nil {
		return badUsage(process, err)
	}
	guests, err := host.Guests()
	if err != nil {
		return process.Fail("the runtime does not tell of the pod's guests: %s", program.Reason(err))
	}
	slices.SortFunc(guests, func(a, b host.Guest) int { return a.Process - b.Process })
	output := buffered(process)
	defer output.Flush()
	if list, given := options['o']; given {
		return psColumns(process, output, guests, strings.Split(list, ","))
	}
	output.WriteString("  PID USER     CONTAINER              MEM     TIME COMMAND\n")
	for _, each := range guests {
		fmt.Fprintf(output, "%5d %-8s %-20s %5s %8s %s\n", each.Process, userNames(uint64(each.User)), containerLabel(each),
			shortMemory(each.Memory), clock(each.CPU), strings.Join(each.Command(), " "))
	}
	return 0
}

// containerLabel marks what an exec has started beside the container's own guest.
func containerLabel(guest host.Guest) string {
	if guest.Kind == "exec" {
		return guest.Container + " (exec)"
	}
	return guest.Container
}

// shortMemory is that of a container, and told of its own guest.
func shortMemory(bytes uint64) string {
	if bytes == 0 {
		return "-"
	}
	if bytes < 10<<20 {
		return strconv.FormatUint(bytes>>10, 10) + "k"
	}
	return strconv.FormatUint(bytes>>20, 10) + "m"
}

func clock(nanoseconds int64) string {
	hundredths := nanoseconds / 1e7
	return fmt.Sprintf("%d:%02d.%02d", hundredths/6000, hundredths/100%60, hundredths%100)
}

func psColumns(process *program.Process, output *bufio.Writer, guests []host.Guest, columns []string) int {
	field := func(name string, guest host.Guest) (string, bool) {
		switch name {
		case "pid":
			return itoa(guest.Process), true
		case "user":
			return userNames(uint64(guest.User)), true
		case "container":
			return containerLabel(guest), true
		case "comm":
			return path.Base(firstWord(guest.Command())), true
		case "args", "cmd", "command":
			return strings.Join(guest.Command(), " "), true
		case "mem", "rss":
			return shortMemory(guest.Memory), true
		case "time":
			return clock(guest.CPU), true
		case "etime":
			return lasting(guest.Age()), true
		case "start":
			return time.Unix(0, guest.Started).UTC().Format(time.TimeOnly), true
		}
		return "", false
	}
	rows := [][]string{mapped(columns, func(name string) string { return strings.ToUpper(name) })}
	for _, guest := range guests {
		var row []string
		for _, name := range columns {
			text, known := field(name, guest)
			if !known {
				return badUsage(process, fmt.Errorf("bad -o argument '%s', supported arguments: pid,user,container,comm,args,mem,time,etime,start", name))
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		for index, text := range row {
			width := 0
			for _, other := range rows {
				width = max(width, len(other[index]))
			}
			if index < len(row)-1 {
				text += strings.Repeat(" ", width-len(text)+1)
			}
			output.WriteString(text)
		}
		output.WriteByte('\n')
	}
	return 0
}

func firstWord(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

type chooser struct {
	pattern *regexp.Regexp
	options program.Options
}

func (c chooser) takes(guest host.Guest) bool {
	text := path.Base(firstWord(guest.Command()))
	if c.options.Has("f") {
		text = strings.Join(guest.Command(), " ")
	}
	return c.pattern.MatchString(text) != c.options.Has("v") && guest.Self == 0
}

func newChooser(options program.Options, text string) (chooser, error) {
	if options.Has("x") {
		text = "^(?:" + text + ")$"
	}
	pattern, err := regexp.Compile(text)
	return chooser{pattern, options}, err
}

// pgrep finds the pod's guests by their commands' names: with -f by all words, with -x whole, with -l and -a shown.
func pgrep(process *program.Process) int {
	options, words, err := process.Parse("aflnovx")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return usageOf(process)
	}
	choose, err := newChooser(options, words[0])
	if err != nil {
		return badUsage(process, err)
	}
	var chosen []host.Guest
	for _, guest := range guestsOf() {
		if choose.takes(guest) {
			chosen = append(chosen, guest)
		}
	}
	if len(chosen) > 0 && options.Has("n") {
		chosen = chosen[len(chosen)-1:]
	}
	if len(chosen) > 0 && options.Has("o") {
		chosen = chosen[:1]
	}
	for _, guest := range chosen {
		text := ""
		if options.Has("a") {
			text = " " + strings.Join(guest.Command(), " ")
		} else if options.Has("l") {
			text = " " + path.Base(firstWord(guest.Command()))
		}
		process.Printf("%d%s\n", guest.Process, text)
	}
	if len(chosen) == 0 {
		return 1
	}
	return 0
}

func pidof(process *program.Process) int {
	options, words, err := process.Parse("o:s")
	if err != nil {
		return badUsage(process, err)
	}
	var found []string
	for _, guest := range guestsOf() {
		for _, wanted := range words {
			if path.Base(firstWord(guest.Command())) == path.Base(wanted) && guest.Self == 0 && itoa(guest.Process) != options['o'] {
				found = append(found, itoa(guest.Process))
			}
		}
	}
	if len(found) == 0 {
		return 1
	}
	if options.Has("s") {
		found = found[:1]
	}
	process.Printf("%s\n", strings.Join(found, " "))
	return 0
}
