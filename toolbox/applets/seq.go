package applets

import (
	"bufio"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// seq counts: [FIRST [STEP]] LAST, or with -s between the numbers something else than a newline.
func seq(process *program.Process) int {
	separator, words := "\n", process.Args[1:]
	if len(words) > 1 && words[0] == "-s" {
		separator, words = words[1], words[2:]
	}
	numbers, status := seqNumbers(process, words)
	if status != 0 {
		return status
	}
	first, step, last := numbers[0], numbers[1], numbers[2]
	if step == 0 {
		return process.Fail("a step of 0 never ends")
	}
	writer := bufio.NewWriter(process.Stdout)
	defer writer.Flush()
	for value := first; (step > 0 && value <= last) || (step < 0 && value >= last); value += step {
		if value != first {
			writer.WriteString(separator)
		}
		writer.WriteString(strconv.Itoa(value))
	}
	if (step > 0) == (first <= last) || first == last {
		writer.WriteByte('\n')
	}
	return 0
}

func seqNumbers(process *program.Process, words []string) ([3]int, int) {
	numbers := [3]int{1, 1, 0}
	places := map[int][]int{1: {2}, 2: {0, 2}, 3: {0, 1, 2}}[len(words)]
	if places == nil {
		return numbers, process.Fail("which numbers?")
	}
	for index, place := range places {
		number, err := strconv.Atoi(words[index])
		if err != nil {
			return numbers, process.Fail("invalid number '%s'", words[index])
		}
		numbers[place] = number
	}
	return numbers, 0
}
