package applets

import (
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// seq counts: [FIRST [STEP]] LAST, with -s between the numbers something else than a newline, with -w all equally wide.
func seq(process *program.Process) int {
	separator, wide, words := "\n", false, process.Args[1:]
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' && !isDigit(words[0][1]) && words[0][1] != '.' {
		switch {
		case words[0] == "-w":
			wide = true
		case words[0] == "-s" && len(words) > 1:
			separator, words = words[1], words[1:]
		case strings.HasPrefix(words[0], "-s"):
			separator = words[0][2:]
		default:
			return usageOf(process)
		}
		words = words[1:]
	}
	places := map[int][]int{1: {2}, 2: {0, 2}, 3: {0, 1, 2}}[len(words)]
	if places == nil {
		return usageOf(process)
	}
	numbers, decimals := [3]float64{1, 1, 0}, 0
	for index, place := range places {
		number, err := strconv.ParseFloat(words[index], 64)
		if err != nil {
			return process.Fail("invalid number '%s'", words[index])
		}
		if _, fraction, found := strings.Cut(words[index], "."); found && place < 2 {
			decimals = max(decimals, len(fraction))
		}
		numbers[place] = number
	}
	if numbers[1] == 0 {
		return process.Fail("a step of 0 never ends")
	}
	countUp(process, numbers, decimals, separator, wide)
	return 0
}

func countUp(process *program.Process, numbers [3]float64, decimals int, separator string, wide bool) {
	first, step, last := numbers[0], numbers[1], numbers[2]
	text := func(value float64) string { return strconv.FormatFloat(value, 'f', decimals, 64) }
	width := 0
	if wide {
		width = max(len(text(first)), len(text(last)))
	}
	output := buffered(process)
	defer output.Flush()
	for round := 0; ; round++ {
		value := first + float64(round)*step
		if (step > 0 && value > last) || (step < 0 && value < last) {
			if round > 0 {
				output.WriteByte('\n')
			}
			return
		}
		if round > 0 {
			output.WriteString(separator)
		}
		shown := text(value)
		output.WriteString(strings.Repeat("0", max(0, width-len(shown))) + shown)
	}
}
