package applets

import (
	"bufio"
	"io"
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
	"wasmlet.dev/toolbox/sed"
)

// editStream is sed: with -n, -e, -f, -E, -r, -s and -i.
func editStream(process *program.Process) int {
	process.Args = withSuffix(process.Args)
	options, names, err := process.Parse("e*Ef*i:nrsuz", "expression=e", "file=f", "regexp-extended=E", "quiet=n", "silent=n",
		"separate=s", "in-place=i")
	if err != nil {
		return badUsage(process, err)
	}
	text, names, err := sedScript(process, options, names)
	if err != nil {
		return badUsage(process, err)
	}
	if text == "" && !options.Has("ef") {
		return usageOf(process)
	}
	script, err := sed.Parse(text, options.Has("Er"))
	if err != nil {
		return process.Fail("%s", err)
	}
	edit := editor{process: process, script: script, quiet: options.Has("n"), outputs: map[string]*sed.Output{
		"/dev/stdout": {Writer: process.Stdout}, "/dev/stderr": {Writer: process.Stderr}}}
	defer edit.close()
	if options.Has("i") {
		return edit.inPlace(names, strings.TrimPrefix(options['i'], noSuffix))
	}
	return edit.all(names, options.Has("s"))
}

const noSuffix = "\x00"

// withSuffix gives -i a value: it may stand behind the letter, and only there.
func withSuffix(args []string) []string {
	changed := append([]string{}, args...)
	for index, word := range changed {
		if word == "-i" || word == "--in-place" || (strings.HasPrefix(word, "-") && strings.Trim(word, "-nEr") == "i" && strings.HasSuffix(word, "i")) {
			changed[index] = strings.Replace(word, "--in-place", "-i", 1) + noSuffix
		}
	}
	return changed
}

func sedScript(process *program.Process, options program.Options, names []string) (string, []string, error) {
	text, given := options['e']
	if files, hasFiles := options['f']; hasFiles {
		for _, name := range strings.Split(files, "\n") {
			content, err := os.ReadFile(process.Path(name))
			if err != nil {
				return "", nil, err
			}
			text += "\n" + strings.TrimSuffix(string(content), "\n")
		}
		return strings.TrimPrefix(text, "\n"), names, nil
	}
	if given {
		return text, names, nil
	}
	if len(names) == 0 {
		return "", nil, nil
	}
	return names[0], names[1:], nil
}

type editor struct {
	process *program.Process
	script  *sed.Script
	quiet   bool
	outputs map[string]*sed.Output
	files   []io.Closer
}

func (e *editor) Read(name string) (string, error) {
	content, err := os.ReadFile(e.process.Path(name))
	return string(content), err
}

func (e *editor) Writer(name string) (*sed.Output, error) {
	if e.outputs[name] == nil {
		file, err := os.Create(e.process.Path(name))
		if err != nil {
			return nil, err
		}
		e.outputs[name] = &sed.Output{Writer: file}
		e.files = append(e.files, file)
	}
	return e.outputs[name], nil
}

func (e *editor) close() {
	for _, file := range e.files {
		file.Close()
	}
}

// all edits the files as one stream, or each by itself.
func (e *editor) all(names []string, separate bool) int {
	buffer := buffered(e.process)
	defer buffer.Flush()
	output := e.outputs["/dev/stdout"]
	output.Writer = buffer
	if separate || len(names) < 2 {
		code := 0
		status := eachInput(e.process, names, func(_ string, input io.Reader) error {
			var err error
			output.Writer = flushed{buffer, input}
			code, err = e.script.NewRun(input, output, e.quiet, e).All()
			return err
		})
		return max(status, code)
	}
	status := 0
	reader, writer := io.Pipe()
	program.Go(func() {
		defer writer.Close()
		last := byte('\n')
		status = eachInput(e.process, names, func(_ string, input io.Reader) error {
			_, err := io.Copy(&follower{writer, &last, last != '\n'}, input)
			return ignoreClosed(err)
		})
	})
	code, err := e.script.NewRun(reader, output, e.quiet, e).All()
	reader.Close()
	if err != nil {
		return e.process.Fail("%s", program.Reason(err))
	}
	return max(status, code)
}

// follower writes a file behind another one, whose last line may lack its newline.
type follower struct {
	writer io.Writer
	last   *byte
	lacks  bool
}

func (f *follower) Write(data []byte) (int, error) {
	if f.lacks {
		f.lacks = false
		if _, err := f.writer.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
	}
	if len(data) > 0 {
		*f.last = data[len(data)-1]
	}
	return f.writer.Write(data)
}

// flushed writes what is there before it waits for more of an input that is no file.
type flushed struct {
	output *bufio.Writer
	input  io.Reader
}

func (f flushed) Write(data []byte) (int, error) {
	count, err := f.output.Write(data)
	if _, isFile := program.Bare(f.input).(*os.File); !isFile && err == nil {
		err = f.output.Flush()
	}
	return count, err
}

func (e *editor) inPlace(names []string, suffix string) int {
	status := 0
	for _, name := range names {
		if err := e.replace(e.process.Path(name), suffix); err != nil {
			status = e.process.FailAt(name, err)
		}
	}
	return status
}

func (e *editor) replace(path, suffix string) error {
	input, err := os.Open(path)
	if err != nil {
		return err
	}
	defer input.Close()
	temporary := path + ".sed-new"
	output, err := os.Create(temporary)
	if err != nil {
		return err
	}
	keepMode(path, temporary)
	writer := bufio.NewWriter(output)
	_, err = e.script.NewRun(input, &sed.Output{Writer: writer}, e.quiet, e).All()
	if err == nil {
		err = writer.Flush()
	}
	if closed := output.Close(); err == nil {
		err = closed
	}
	if err == nil && suffix != "" {
		err = os.Rename(path, path+suffix)
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}
