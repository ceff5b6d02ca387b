package applets

import (
	"io"
	"strings"
	"time"

	"wasmlet.dev/toolbox/awk"
	"wasmlet.dev/toolbox/program"
)

// awkMain runs a program of awk's language: with -F, -v and -f.
func awkMain(process *program.Process) int {
	options, operands, err := process.Parse("+F:f*v*", "field-separator=F", "file=f", "assign=v")
	if err != nil {
		return badUsage(process, err)
	}
	text, operands, err := awkText(process, options, operands)
	if err != nil {
		return process.FailAt(options.Or('f', "-"), err)
	}
	if text == "" && !options.Has("f") && len(operands) == 0 && len(process.Args) < 2 {
		return usageOf(process)
	}
	parsed, err := awk.Parse(text)
	if err != nil {
		return process.Fail("%s", err)
	}
	return awk.Execute(parsed, awk.Setting{Process: process, Run: runNamed, Time: awkTime}, variablesOf(options), operands)
}

func runNamed(inner *program.Process) int { return runCommand(inner, inner) }

func awkTime(format string, seconds float64, utc bool) string {
	moment := time.Unix(int64(seconds), 0)
	if utc {
		moment = moment.UTC()
	}
	return strftime(format, moment)
}

// awkText is the program: of files, or the first operand.
func awkText(process *program.Process, options program.Options, operands []string) (string, []string, error) {
	files, given := options['f']
	if !given {
		if len(operands) == 0 {
			return "", nil, nil
		}
		return operands[0], operands[1:], nil
	}
	var text strings.Builder
	for _, name := range strings.Split(files, "\n") {
		err := readInput(process, name, func(_ string, input io.Reader) error {
			_, err := io.Copy(&text, input)
			return err
		})
		if err != nil {
			return "", nil, err
		}
		text.WriteByte('\n')
	}
	return text.String(), operands, nil
}

// variablesOf the options; a separator `t` is a tab.
func variablesOf(options program.Options) []string {
	var variables []string
	for _, line := range strings.Split(options['v'], "\n") {
		if last := len(variables) - 1; strings.Contains(line, "=") {
			variables = append(variables, line)
		} else if last >= 0 {
			variables[last] += "\n" + line
		}
	}
	if separator, given := options['F']; given {
		if separator == "t" {
			separator = `\t`
		}
		variables = append(variables, "FS="+separator)
	}
	return variables
}
