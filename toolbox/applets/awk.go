package applets

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/lexer"
	"github.com/benhoyt/goawk/parser"

	"wasmlet.dev/toolbox/program"
)

const (
	awkFailed      = 2
	awkRunsNothing = "system() and pipes to and from commands are not offered in this toolbox: let the shell run them, as in awk ... | sort"
)

// awkInput is the standard input in a program, which goawk knows by another name: a container may have no devices.
var awkInput = regexp.MustCompile(`(\bgetline\b[^;{}"<\n]*<\s*)"/dev/stdin"`)

// awkMain runs a program of awk's language: with -F, -v and -f.
func awkMain(process *program.Process) int {
	options, operands, err := process.Parse("+F:f*v*", "field-separator=F", "file=f", "assign=v")
	if err != nil {
		return badUsage(process, err)
	}
	if !options.Has("f") && len(operands) == 0 {
		return usageOf(process)
	}
	text, operands, err := awkText(process, options, operands)
	if err != nil {
		return process.FailAt(options.Or('f', "-"), err)
	}
	text = awkInput.ReplaceAllString(text, `$1"-"`)
	parsed, err := parser.ParseProgram([]byte(text), nil)
	if err != nil {
		return process.Fail("%s", err)
	}
	status, err := runAwk(process, parsed, variablesOf(options), operands)
	if err != nil {
		complainOfAwk(process, err)
		return awkFailed
	}
	return status
}

// runAwk lets goawk run a program. It opens files by itself, and knows nothing of the toolbox's commands.
func runAwk(process *program.Process, parsed *parser.Program, variables, operands []string) (int, error) {
	if err := awkDirectory.enter(process.Dir); err != nil {
		return 0, err
	}
	defer awkDirectory.leave()
	interpreter, err := interp.New(parsed)
	if err != nil {
		return 0, err
	}
	output := bufio.NewWriter(process.Stdout)
	config := &interp.Config{
		Stdin: flushedBefore{process.Stdin, output}, Output: output, Error: process.Stderr,
		Argv0: process.Name(), Args: withoutDevices(operands), Vars: variables, Environ: namesAndValues(process.Env),
		NoExec: true, Chars: true,
	}
	if process.IsTerminal(1) {
		config.Output = process.Stdout
	}
	return interpreter.ExecuteContext(interruptible{process.Context}, config)
}

// awkDirectory is the one of the operating system's process, in which goawk opens files: that of all who run it meanwhile.
var awkDirectory directory

type directory struct {
	lock  sync.Mutex
	path  string
	users int
}

func (d *directory) enter(path string) error {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.users > 0 && d.path != path {
		return fmt.Errorf("another awk runs in %s, and all have one directory at a time: wait for it, or run this one there", d.path)
	}
	if err := os.Chdir(path); err != nil {
		return err
	}
	d.path = path
	d.users++
	return nil
}

func (d *directory) leave() {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.users--
}

// flushedBefore shows what was written before it waits for more to read.
type flushedBefore struct {
	input  io.Reader
	output *bufio.Writer
}

func (f flushedBefore) Read(data []byte) (int, error) {
	f.output.Flush()
	return f.input.Read(data)
}

// interruptible seems to be done, so that goawk asks for the reason, once in a thousand instructions: Err lets others run
// meanwhile, ends the command where it was interrupted, and else says that there is none.
type interruptible struct{ context.Context }

func (interruptible) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

func (i interruptible) Err() error {
	program.Yield(i.Context)
	return i.Context.Err()
}

func complainOfAwk(process *program.Process, err error) {
	var inFile *fs.PathError
	switch {
	case errors.As(err, &inFile):
		process.FailAt(inFile.Path, err)
	case strings.HasSuffix(err.Error(), "due to NoExec"):
		process.Fail(awkRunsNothing)
	default:
		process.Fail("%s", err)
	}
}

// awkText is the program: of files, or the first operand.
func awkText(process *program.Process, options program.Options, operands []string) (string, []string, error) {
	files, given := options['f']
	if !given {
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

// withoutDevices names the standard input as goawk does, too.
func withoutDevices(operands []string) []string {
	var names []string
	for _, name := range operands {
		if name == "/dev/stdin" {
			name = "-"
		}
		names = append(names, name)
	}
	return names
}

// variablesOf the options are names, each with its value behind it; a separator `t` is a tab.
func variablesOf(options program.Options) []string {
	var items []string
	for _, line := range strings.Split(options['v'], "\n") {
		if last := len(items) - 1; strings.Contains(line, "=") {
			items = append(items, line)
		} else if last >= 0 {
			items[last] += "\n" + line
		}
	}
	if separator, given := options['F']; given {
		if separator == "t" {
			separator = `\t`
		}
		items = append(items, "FS="+separator)
	}
	variables := namesAndValues(items)
	for index := 1; index < len(variables); index += 2 {
		if value, err := lexer.Unescape(variables[index]); err == nil {
			variables[index] = value
		}
	}
	return variables
}

// namesAndValues are the names of NAME=value items, each with its value behind it.
func namesAndValues(items []string) []string {
	parts := []string{}
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		parts = append(parts, name, value)
	}
	return parts
}
