// Package condition answers the questions of test(1), for the command and for the shell's [[ ]].
package condition

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"wasmlet.dev/toolbox/program"
)

// IsUnary tells whether a word is a question about one operand.
func IsUnary(operator string) bool {
	return len(operator) == 2 && operator[0] == '-' && containsByte("bcdefghLnprsStwxz", operator[1])
}

func containsByte(set string, each byte) bool {
	for index := range len(set) {
		if set[index] == each {
			return true
		}
	}
	return false
}

// Unary answers a question about a string or a file.
func Unary(process *program.Process, operator, operand string) (bool, error) {
	switch operator {
	case "-n":
		return operand != "", nil
	case "-z":
		return operand == "", nil
	case "-t":
		return isTerminal(operand), nil
	case "-h", "-L":
		info, err := os.Lstat(process.Path(operand))
		return err == nil && info.Mode()&fs.ModeSymlink != 0, nil
	case "-r":
		return canOpen(process.Path(operand), os.O_RDONLY), nil
	case "-w":
		return canWrite(process.Path(operand)), nil
	}
	info, err := os.Stat(process.Path(operand))
	if err != nil {
		return false, nil
	}
	return aboutFile(operator, info)
}

func aboutFile(operator string, info fs.FileInfo) (bool, error) {
	mode := info.Mode()
	switch operator {
	case "-e":
		return true, nil
	case "-f":
		return mode.IsRegular(), nil
	case "-d":
		return mode.IsDir(), nil
	case "-s":
		return info.Size() > 0, nil
	case "-b":
		return mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0, nil
	case "-c":
		return mode&fs.ModeCharDevice != 0, nil
	case "-p":
		return mode&fs.ModeNamedPipe != 0, nil
	case "-S":
		return mode&fs.ModeSocket != 0, nil
	case "-x":
		return mode.IsDir() || mode.IsRegular(), nil // WASI tells of no mode: whoever tries finds out
	case "-g":
		return mode&fs.ModeSetgid != 0, nil
	}
	return false, fmt.Errorf("%s: unknown operand", operator)
}

func isTerminal(descriptor string) bool {
	number, err := strconv.Atoi(descriptor)
	if err != nil || number > 2 {
		return false
	}
	info, err := [...]*os.File{os.Stdin, os.Stdout, os.Stderr}[number].Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

func canOpen(path string, flags int) bool {
	file, err := os.OpenFile(path, flags, 0)
	if err == nil {
		file.Close()
	}
	return err == nil
}

func canWrite(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.IsDir() || canOpen(path, os.O_WRONLY))
}

// IsBinary tells whether a word is a question about two operands.
func IsBinary(operator string) bool {
	switch operator {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

// Binary compares two strings, numbers or files.
func Binary(process *program.Process, left, operator, right string) (bool, error) {
	switch operator {
	case "=", "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	case "<":
		return left < right, nil
	case ">":
		return left > right, nil
	case "-nt", "-ot", "-ef":
		return compareFiles(process.Path(left), operator, process.Path(right)), nil
	}
	return compareNumbers(left, operator, right)
}

func compareFiles(left, operator, right string) bool {
	one, firstError := os.Stat(left)
	other, secondError := os.Stat(right)
	if firstError != nil || secondError != nil {
		return (operator == "-nt" && firstError == nil) || (operator == "-ot" && secondError == nil)
	}
	switch operator {
	case "-nt":
		return one.ModTime().After(other.ModTime())
	case "-ot":
		return one.ModTime().Before(other.ModTime())
	}
	return os.SameFile(one, other)
}

func compareNumbers(left, operator, right string) (bool, error) {
	one, err := number(left)
	if err != nil {
		return false, err
	}
	other, err := number(right)
	if err != nil {
		return false, err
	}
	switch operator {
	case "-eq":
		return one == other, nil
	case "-ne":
		return one != other, nil
	case "-lt":
		return one < other, nil
	case "-le":
		return one <= other, nil
	case "-gt":
		return one > other, nil
	case "-ge":
		return one >= other, nil
	}
	return false, fmt.Errorf("%s: unknown operand", operator)
}

func number(word string) (int64, error) {
	value, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: bad number", word)
	}
	return value, nil
}
