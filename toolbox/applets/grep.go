package applets

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/posix"
	"wasmlet.dev/toolbox/program"
)

type grepper struct {
	process       *program.Process
	options       program.Options
	pattern       *regexp.Regexp
	output        *bufio.Writer
	named         bool // print the names of files
	before, after int  // lines of context
	most          int
	found         bool
	parted        bool // lines were printed: -- parts them from the next
}

// grep finds lines: with -A, -B, -C, -c, -E, -e, -F, -f, -H, -h, -i, -L, -l, -m, -n, -o, -q, -r, -s, -v, -w and -x.
func grep(process *program.Process) int {
	options, words, err := process.Parse("A:aB:C:EFGHIK:Lce*f*hilm:noqrRsvwxz", "regexp=e", "file=f", "ignore-case=i", "invert-match=v",
		"word-regexp=w", "line-regexp=x", "count=c", "files-with-matches=l", "files-without-match=L", "max-count=m",
		"only-matching=o", "quiet=q", "silent=q", "no-messages=s", "line-number=n", "with-filename=H", "no-filename=h",
		"recursive=r", "extended-regexp=E", "fixed-strings=F", "after-context=A", "before-context=B", "context=C", "color=K",
		"colour=K")
	if err != nil {
		return badUsage(process, err)
	}
	text, words, err := grepPatterns(process, options, words)
	if err != nil {
		return badUsage(process, err)
	}
	pattern, err := compile(process.Name(), text, options)
	if err != nil {
		process.Fail("%s", err)
		return 2
	}
	search := &grepper{process: process, options: options, pattern: pattern, output: buffered(process), most: 1 << 62}
	for letter, number := range map[byte]*int{'A': &search.after, 'B': &search.before, 'm': &search.most} {
		if text := options.Or(letter, map[bool]string{true: options['C']}[letter != 'm']); text != "" {
			if *number, err = strconv.Atoi(text); err != nil || *number < 0 {
				return badUsage(process, errors.New("invalid number '"+text+"'"))
			}
		}
	}
	defer search.output.Flush()
	return search.all(words)
}

func grepPatterns(process *program.Process, options program.Options, words []string) (string, []string, error) {
	text, given := options['e']
	if files, hasFiles := options['f']; hasFiles {
		var lines []string
		if given {
			lines = []string{text}
		}
		for _, name := range strings.Split(files, "\n") {
			err := readInput(process, name, func(_ string, input io.Reader) error {
				return eachLine(input, func(line string) error { lines = append(lines, line); return nil })
			})
			if err != nil {
				return "", nil, err
			}
		}
		if lines == nil {
			return "\x00 no line holds this", words, nil
		}
		return strings.Join(lines, "\n"), words, nil
	}
	if !given && len(words) == 0 {
		return "", nil, errors.New("which pattern?")
	}
	if !given {
		return words[0], words[1:], nil
	}
	return text, words, nil
}

func compile(name, text string, options program.Options) (*regexp.Regexp, error) {
	var alternatives []string
	for _, line := range strings.Split(text, "\n") {
		if options.Has("F") || name == "fgrep" {
			alternatives = append(alternatives, regexp.QuoteMeta(line))
			continue
		}
		translated, err := posix.Translate(line, options.Has("E") || name == "egrep")
		if err != nil {
			return nil, err
		}
		if _, err := regexp.Compile(translated); err != nil {
			return nil, errors.New("bad regex '" + line + "': " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		alternatives = append(alternatives, translated)
	}
	expression := strings.Join(alternatives, "|")
	if options.Has("wx") || len(alternatives) > 1 {
		expression = "(?:" + expression + ")"
	}
	if options.Has("w") {
		expression = `\b` + expression + `\b`
	}
	if options.Has("x") {
		expression = "^" + expression + "$"
	}
	if options.Has("i") {
		expression = "(?i)" + expression
	}
	compiled, err := regexp.Compile(expression)
	if err == nil {
		compiled.Longest()
	}
	return compiled, err
}

func (g *grepper) all(names []string) int {
	recursive := g.options.Has("rR")
	if recursive {
		names = g.below(names)
	}
	g.named = (len(names) > 1 || recursive || g.options.Has("H")) && !g.options.Has("h")
	process := g.process
	if g.options.Has("s") {
		process = process.With(process.Args...)
		process.Stderr = io.Discard
	}
	status := eachInput(process, names, func(name string, input io.Reader) error {
		if g.found && g.options.Has("q") {
			return nil
		}
		return g.one(name, input)
	})
	switch {
	case g.found && (status == 0 || g.options.Has("q")):
		return 0
	case status != 0:
		return 2
	}
	return 1
}

func (g *grepper) below(names []string) []string {
	if len(names) == 0 {
		names = []string{"."}
	}
	var files []string
	for _, name := range names {
		info, err := os.Stat(g.process.Path(name))
		if err != nil || !info.IsDir() {
			files = append(files, name)
			continue
		}
		fs.WalkDir(os.DirFS(g.process.Path(name)), ".", func(inner string, entry fs.DirEntry, err error) error {
			if err == nil && (entry.Type().IsRegular() || (g.options.Has("R") && entry.Type()&fs.ModeSymlink != 0)) {
				files = append(files, joined(name, inner))
			}
			return nil
		})
	}
	return files
}

// inFile is what is known while one file is read.
type inFile struct {
	*grepper
	name   string
	number int
	count  int
	kept   []string // lines before, for the context
	left   int      // lines to print after a match
	last   int      // number of the line that was printed last
}

var errEnough = errors.New("enough")

func (g *grepper) one(name string, input io.Reader) error {
	file := &inFile{grepper: g, name: name}
	err := eachLine(input, file.line)
	if err == errEnough {
		err = nil
	}
	file.summarize()
	return err
}

func (f *inFile) line(line string) error {
	f.number++
	if f.pattern.MatchString(line) == f.options.Has("v") {
		f.context(line)
		return nil
	}
	f.count++
	f.found = f.found || !f.options.Has("L")
	if f.options.Has("qlL") {
		return errEnough
	}
	if !f.options.Has("c") {
		f.match(line)
	}
	if f.count >= f.most {
		return errEnough
	}
	return nil
}

func (f *inFile) context(line string) {
	if f.options.Has("clLqo") {
		return
	}
	if f.left > 0 {
		f.left--
		f.print(line, "-")
		return
	}
	f.kept = append(f.kept, line)
	f.kept = f.kept[max(0, len(f.kept)-f.before):]
}

func (f *inFile) match(line string) {
	first := f.number - len(f.kept)
	if f.before+f.after > 0 && f.parted && first > f.last+1 {
		f.output.WriteString("--\n")
	}
	number := f.number
	for index, before := range f.kept {
		f.number = first + index
		f.print(before, "-")
	}
	f.number, f.kept, f.left = number, nil, f.after
	f.print(line, ":")
}

func (f *inFile) print(line, separator string) {
	f.parted, f.last = true, f.number
	prefix := ""
	if f.named {
		prefix = label(f.name) + separator
	}
	if f.options.Has("n") {
		prefix += itoa(f.number) + separator
	}
	if !f.options.Has("o") {
		f.output.WriteString(prefix + line + "\n")
		return
	}
	if f.options.Has("v") {
		return
	}
	for _, match := range f.pattern.FindAllString(line, -1) {
		if match != "" {
			f.output.WriteString(prefix + match + "\n")
		}
	}
}

func label(name string) string {
	if name == "-" {
		return "(standard input)"
	}
	return name
}

func (f *inFile) summarize() {
	switch {
	case f.options.Has("q"):
	case f.options.Has("l"):
		if f.count > 0 {
			f.output.WriteString(label(f.name) + "\n")
		}
	case f.options.Has("L"):
		if f.count == 0 {
			f.found = true
			f.output.WriteString(label(f.name) + "\n")
		}
	case f.options.Has("c"):
		prefix := ""
		if f.named {
			prefix = label(f.name) + ":"
		}
		f.output.WriteString(prefix + itoa(f.count) + "\n")
	}
}
