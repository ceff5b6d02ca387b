package applets

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// shuf prints lines, words or numbers in an order by chance.
func shuf(process *program.Process) int {
	options, words, err := process.Parse("ei:n:")
	if err != nil {
		return badUsage(process, err)
	}
	status := 0
	switch {
	case options.Has("i"):
		if words, err = numbersOf(options['i']); err != nil {
			return process.Fail("%s", err)
		}
	case !options.Has("e"):
		names := words
		words = nil
		status = eachInput(process, names, func(_ string, input io.Reader) error {
			return eachLine(input, func(line string) error { words = append(words, line); return nil })
		})
	}
	count := len(words)
	if text, given := options['n']; given {
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			return process.Fail("invalid number '%s'", text)
		}
		count = min(count, number)
	}
	rand.Shuffle(len(words), func(one, other int) { words[one], words[other] = words[other], words[one] })
	output := buffered(process)
	defer output.Flush()
	for _, word := range words[:count] {
		output.WriteString(word + "\n")
	}
	return status
}

const mostNumbers = 1 << 20

func numbersOf(text string) ([]string, error) {
	var first, last int
	if _, err := fmt.Sscanf(text, "%d-%d", &first, &last); err != nil || last-first >= mostNumbers {
		return nil, fmt.Errorf("invalid range '%s'", text)
	}
	var numbers []string
	for number := first; number <= last; number++ {
		numbers = append(numbers, strconv.Itoa(number))
	}
	return numbers, nil
}
