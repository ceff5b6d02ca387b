package applets

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	"wasmlet.dev/toolbox/program"
)

type grepper struct {
	process *program.Process
	options program.Options
	pattern *regexp.Regexp
	named   bool // print the names of files
	found   bool
}

// grep finds lines: with -E, -F, -c, -h, -H, -i, -l, -n, -o, -q, -r, -s, -v, -w and -x.
func grep(process *program.Process) int {
	options, words, err := process.Parse("EFGHce:hilnoqrsvwx")
	if err != nil {
		return badUsage(process, err)
	}
	text, given := options['e']
	if !given {
		if len(words) == 0 {
			process.Fail("which pattern?")
			return 2
		}
		text, words = words[0], words[1:]
	}
	pattern, err := compile(text, options)
	if err != nil {
		return badUsage(process, err)
	}
	search := grepper{process: process, options: options, pattern: pattern}
	return search.all(words)
}

func compile(text string, options program.Options) (*regexp.Regexp, error) {
	var alternatives []string
	for _, line := range strings.Split(text, "\n") {
		switch {
		case options.Has("F"):
			line = regexp.QuoteMeta(line)
		case !options.Has("E"):
			line = extended(line)
		}
		alternatives = append(alternatives, line)
	}
	expression := "(?:" + strings.Join(alternatives, "|") + ")"
	if options.Has("w") {
		expression = `\b` + expression + `\b`
	}
	if options.Has("x") {
		expression = "^" + expression + "$"
	}
	if options.Has("i") {
		expression = "(?i)" + expression
	}
	return regexp.Compile(expression)
}

// extended turns a basic regular expression into an extended one: the backslash works the other way round.
func extended(basic string) string {
	var text strings.Builder
	for index := 0; index < len(basic); index++ {
		letter := basic[index]
		switch {
		case letter == '\\' && index+1 < len(basic):
			index++
			if !strings.ContainsRune("+?|(){}", rune(basic[index])) {
				text.WriteByte('\\')
			}
			text.WriteByte(basic[index])
		case strings.ContainsRune("+?|(){}", rune(letter)) || (letter == '*' && index == 0):
			text.WriteByte('\\')
			text.WriteByte(letter)
		default:
			text.WriteByte(letter)
		}
	}
	return text.String()
}

func (g *grepper) all(names []string) int {
	if g.options.Has("r") {
		names = g.below(names)
	}
	g.named = (len(names) > 1 || g.options.Has("rH")) && !g.options.Has("h")
	process := g.process
	if g.options.Has("s") {
		process = process.With(process.Args...)
		process.Stderr = io.Discard
	}
	status := eachInput(process, names, g.one)
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
		root := g.process.Path(name)
		err := fs.WalkDir(os.DirFS(root), ".", func(inner string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, path.Join(name, inner))
			}
			return nil
		})
		if err != nil {
			files = append(files, name)
		}
	}
	return files
}

func (g *grepper) one(name string, input io.Reader) error {
	lines := bufio.NewReader(input)
	count, number := 0, 0
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return err
		}
		number++
		line = strings.TrimSuffix(line, "\n")
		if g.pattern.MatchString(line) == g.options.Has("v") {
			continue
		}
		count++
		g.found = true
		if g.options.Has("ql") {
			break
		}
		if !g.options.Has("c") {
			g.print(name, number, line)
		}
	}
	g.summarize(name, count)
	return nil
}

func (g *grepper) print(name string, number int, line string) {
	prefix := g.prefix(name)
	if g.options.Has("n") {
		prefix += itoa(number) + ":"
	}
	if !g.options.Has("o") {
		g.process.Printf("%s%s\n", prefix, line)
		return
	}
	for _, match := range g.pattern.FindAllString(line, -1) {
		g.process.Printf("%s%s\n", prefix, match)
	}
}

func (g *grepper) prefix(name string) string {
	if !g.named {
		return ""
	}
	return label(name) + ":"
}

func label(name string) string {
	if name == "-" {
		return "(standard input)"
	}
	return name
}

func (g *grepper) summarize(name string, count int) {
	switch {
	case g.options.Has("q"):
	case g.options.Has("l"):
		if count > 0 {
			g.process.Printf("%s\n", label(name))
		}
	case g.options.Has("c"):
		g.process.Printf("%s%d\n", g.prefix(name), count)
	}
}
