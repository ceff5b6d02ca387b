package applets

import (
	"bufio"
	"errors"
	"io"
	"math"
	"os"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// cmpFiles compares two files byte by byte, at most so many (-n): 0 same, 1 different, 2 trouble.
func cmpFiles(process *program.Process) int {
	options, names, err := process.Parse("ln:s", "silent=s", "quiet=s", "verbose=l")
	if err != nil {
		return badUsage(process, err)
	}
	if len(names) == 1 {
		names = append(names, "-")
	}
	if len(names) < 2 {
		return usageOf(process)
	}
	most := int64(math.MaxInt64)
	if text, given := options['n']; given {
		if most, err = strconv.ParseInt(text, 10, 64); err != nil || most < 0 {
			return badUsage(process, errors.New("invalid number '"+text+"'"))
		}
	}
	var readers [2]*bufio.Reader
	for index := range readers {
		file, err := openInput(process, names[index])
		if err != nil {
			process.FailAt(names[index], err)
			return 2
		}
		defer file.Close()
		readers[index] = bufio.NewReaderSize(io.LimitReader(file, most), 64<<10)
	}
	return compareBytes(process, options, names, readers)
}

func openInput(process *program.Process, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(process.Stdin), nil
	}
	return process.Open(name, os.O_RDONLY)
}

func compareBytes(process *program.Process, options program.Options, names []string, readers [2]*bufio.Reader) int {
	status, line := 0, 1
	for place := 1; ; place++ {
		one, firstErr := readers[0].ReadByte()
		other, secondErr := readers[1].ReadByte()
		if firstErr != nil || secondErr != nil {
			if firstErr == secondErr {
				return status
			}
			shorter := names[0]
			if firstErr == nil {
				shorter = names[1]
			}
			if !options.Has("s") {
				process.Fail("EOF on %s", shorter)
			}
			return 1
		}
		if one != other {
			status = 1
			switch {
			case options.Has("l"):
				process.Printf("%d %3o %3o\n", place, one, other)
			case options.Has("s"):
				return 1
			default:
				process.Printf("%s %s differ: char %d, line %d\n", names[0], names[1], place, line)
				return 1
			}
		}
		if one == '\n' {
			line++
		}
	}
}
