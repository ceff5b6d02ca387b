package applets

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

// sleep waits for the sum of its durations: seconds, or with s, m, h, d behind; infinity never ends.
func sleep(process *program.Process) int {
	if len(process.Args) < 2 {
		return process.Fail("how long?")
	}
	total := time.Duration(0)
	for _, word := range process.Args[1:] {
		length, err := duration(word)
		if err != nil {
			return process.Fail("%s", err)
		}
		total = max(total, total+length) // past the end of numbers it is for ever
	}
	return sleepFor(process.Context, total)
}

// usleep waits for so many microseconds.
func usleep(process *program.Process) int {
	if len(process.Args) != 2 {
		return usageOf(process)
	}
	count, err := strconv.ParseUint(process.Args[1], 10, 32)
	if err != nil {
		return process.Fail("invalid number '%s'", process.Args[1])
	}
	return sleepFor(process.Context, time.Duration(count)*time.Microsecond)
}

// sleepFor gives 0, or the status of a command that was ended meanwhile.
func sleepFor(ctx context.Context, length time.Duration) int {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		program.Yield(ctx) // it may be stopped
		return 0
	case <-ctx.Done():
		return program.EndedBy(ctx)
	}
}

func duration(word string) (time.Duration, error) {
	const forEver = time.Duration(math.MaxInt64)
	if word == "infinity" || word == "inf" {
		return forEver, nil
	}
	units := map[string]time.Duration{"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	digits := strings.TrimRight(word, "smhd")
	unit, known := units[word[len(digits):]]
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || number < 0 {
		return 0, fmt.Errorf("invalid number '%s'", word)
	}
	if number*float64(unit) >= float64(forEver) {
		return forEver, nil
	}
	return time.Duration(number * float64(unit)), nil
}
