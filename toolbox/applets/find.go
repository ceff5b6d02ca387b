package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/pattern"

	"wasmlet.dev/toolbox/program"
)

// entry is one file that find looks at.
type entry struct {
	name  string // as it is printed
	path  string
	info  fs.FileInfo
	depth int
}

type predicate func(*entry) (bool, error)

type finder struct {
	process  *program.Process
	words    []string
	acts     bool // something prints or runs
	follows  bool
	maxDepth int
	minDepth int
	inside   bool // -depth
	pruned   bool
	status   int
	gathered []*gathering
	now      time.Time
}

var errFound = errors.New("quit")

// find walks trees and tests each file by an expression.
func find(process *program.Process) int {
	words, follows := process.Args[1:], false
	for len(words) > 0 && (words[0] == "-H" || words[0] == "-L" || words[0] == "-P") {
		follows, words = words[0] == "-L", words[1:]
	}
	var roots []string
	for len(words) > 0 && !strings.HasPrefix(words[0], "-") && words[0] != "(" && words[0] != "!" {
		roots, words = append(roots, words[0]), words[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	search := &finder{process: process, words: words, follows: follows, maxDepth: math.MaxInt, now: time.Now()}
	holds, err := search.expression()
	if err != nil {
		return process.Fail("%s", err)
	}
	for _, root := range roots {
		if search.walk(root, holds) {
			break
		}
	}
	search.finish()
	return search.status
}

func (f *finder) expression() (predicate, error) {
	if len(f.words) == 0 {
		f.acts = true
		return f.print("\n"), nil
	}
	holds, err := f.either()
	if err == nil && len(f.words) > 0 {
		err = fmt.Errorf("unexpected '%s'", f.words[0])
	}
	if err != nil || f.acts {
		return holds, err
	}
	print := f.print("\n")
	return func(e *entry) (bool, error) {
		ok, err := holds(e)
		if ok && err == nil {
			return print(e)
		}
		return ok, err
	}, nil
}

// walk tells whether the search is over.
func (f *finder) walk(root string, holds predicate) bool {
	start := f.process.Path(root)
	look := os.Lstat
	if f.follows {
		look = os.Stat
	}
	info, err := look(start)
	if err != nil {
		f.status = f.process.FailAt(root, err)
		return false
	}
	return f.visit(&entry{root, start, info, 0}, holds)
}

func (f *finder) visit(e *entry, holds predicate) bool {
	if err := f.process.Context.Err(); err != nil {
		return true
	}
	f.pruned = false
	if !f.inside && f.test(e, holds) {
		return true
	}
	if e.info.IsDir() && e.depth < f.maxDepth && !f.pruned {
		entries, err := os.ReadDir(e.path)
		if err != nil {
			f.status = f.process.FailAt(e.name, err)
		}
		for _, each := range entries {
			inner := &entry{joined(e.name, each.Name()), path.Join(e.path, each.Name()), nil, e.depth + 1}
			if inner.info, err = each.Info(); err != nil {
				continue // it has gone meanwhile
			}
			if f.follows {
				if info, err := os.Stat(inner.path); err == nil {
					inner.info = info
				}
			}
			if f.visit(inner, holds) {
				return true
			}
		}
	}
	return f.inside && f.test(e, holds)
}

func joined(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

func (f *finder) test(e *entry, holds predicate) bool {
	if e.depth < f.minDepth {
		return false
	}
	_, err := holds(e)
	if err != nil && err != errFound {
		f.status = f.process.FailAt(e.name, err)
	}
	return err == errFound
}

func (f *finder) next(words ...string) bool {
	if len(f.words) > 0 && slices.Contains(words, f.words[0]) {
		f.words = f.words[1:]
		return true
	}
	return false
}

func (f *finder) either() (predicate, error) {
	left, err := f.both()
	for err == nil && f.next("-o", "-or") {
		var right predicate
		first := left
		right, err = f.both()
		left = func(e *entry) (bool, error) {
			if ok, err := first(e); ok || err != nil {
				return ok, err
			}
			return right(e)
		}
	}
	return left, err
}

func (f *finder) both() (predicate, error) {
	left, err := f.not()
	for err == nil && len(f.words) > 0 && f.words[0] != "-o" && f.words[0] != "-or" && f.words[0] != ")" {
		f.next("-a", "-and")
		var right predicate
		first := left
		right, err = f.not()
		left = func(e *entry) (bool, error) {
			if ok, err := first(e); !ok || err != nil {
				return ok, err
			}
			return right(e)
		}
	}
	return left, err
}

func (f *finder) not() (predicate, error) {
	if f.next("!", "-not") {
		inner, err := f.not()
		return func(e *entry) (bool, error) {
			ok, err := inner(e)
			return !ok, err
		}, err
	}
	if f.next("(") {
		inner, err := f.either()
		if err == nil && !f.next(")") {
			err = errors.New("missing )")
		}
		return inner, err
	}
	return f.primary()
}

func (f *finder) primary() (predicate, error) {
	if len(f.words) == 0 {
		return nil, errors.New("an expression is missing at the end")
	}
	word := f.words[0]
	f.words = f.words[1:]
	switch word {
	case "-true":
		return always, nil
	case "-false":
		return func(*entry) (bool, error) { return false, nil }, nil
	case "-depth":
		f.inside = true
		return always, nil
	case "-xdev", "-mount", "-follow", "-noleaf":
		return always, nil
	case "-prune":
		return func(*entry) (bool, error) { f.pruned = true; return true, nil }, nil
	case "-quit":
		return func(*entry) (bool, error) { return false, errFound }, nil
	case "-print", "-print0", "-delete", "-ls":
		f.acts = true
		return f.action(word), nil
	case "-exec", "-execdir", "-ok":
		f.acts = true
		return f.exec()
	case "-empty":
		return isEmpty, nil
	}
	if len(f.words) == 0 || !slices.Contains(testsWithOperand, word) {
		return nil, fmt.Errorf("unrecognized: %s", word)
	}
	operand := f.words[0]
	f.words = f.words[1:]
	return f.test1(word, operand)
}

var testsWithOperand = []string{"-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-type", "-size",
	"-maxdepth", "-mindepth", "-newer", "-mtime", "-mmin", "-perm", "-printf"}

func always(*entry) (bool, error) { return true, nil }

func (f *finder) action(word string) predicate {
	switch word {
	case "-print0":
		return f.print("\x00")
	case "-delete":
		f.inside = true
		return func(e *entry) (bool, error) {
			if err := os.Remove(e.path); err != nil {
				return false, err
			}
			return true, nil
		}
	case "-ls":
		return func(e *entry) (bool, error) {
			f.process.Printf("%s\n", longLine(e.name, e.info, e.path, false))
			return true, nil
		}
	}
	return f.print("\n")
}

func (f *finder) print(end string) predicate {
	return func(e *entry) (bool, error) {
		f.process.Printf("%s%s", e.name, end)
		return true, nil
	}
}

func isEmpty(e *entry) (bool, error) {
	if !e.info.IsDir() {
		return e.info.Mode().IsRegular() && e.info.Size() == 0, nil
	}
	entries, err := os.ReadDir(e.path)
	return len(entries) == 0, err
}

func (f *finder) test1(word, operand string) (predicate, error) {
	switch word {
	case "-name", "-iname":
		return globbing(operand, word == "-iname", func(e *entry) string { return path.Base(e.name) })
	case "-path", "-ipath", "-wholename":
		return globbing(operand, word == "-ipath", func(e *entry) string { return e.name })
	case "-regex", "-iregex":
		return regexTest(operand, word == "-iregex")
	case "-type":
		return func(e *entry) (bool, error) {
			letter := string(kind(e.info.Mode()))
			return strings.Contains(operand, strings.Replace(letter, "-", "f", 1)), nil
		}, nil
	case "-maxdepth", "-mindepth":
		number, err := strconv.Atoi(operand)
		if word == "-maxdepth" {
			f.maxDepth = number
		} else {
			f.minDepth = number
		}
		return always, err
	case "-newer":
		info, err := os.Stat(f.process.Path(operand))
		return func(e *entry) (bool, error) { return e.info.ModTime().After(info.ModTime()), nil }, err
	case "-size":
		return sizeTest(operand)
	case "-perm":
		return permissionTest(operand)
	case "-mtime":
		return f.ageTest(operand, 24*time.Hour)
	case "-mmin":
		return f.ageTest(operand, time.Minute)
	}
	f.acts = true
	return func(e *entry) (bool, error) {
		format := strings.NewReplacer("%p", e.name, "%f", path.Base(e.name), "%s", strconv.FormatInt(e.info.Size(), 10), "%%", "%",
			`\n`, "\n", `\t`, "\t", `\0`, "\x00", "%h", path.Dir(e.name), "%y", strings.Replace(string(kind(e.info.Mode())), "-", "f", 1),
			"%d", itoa(e.depth)).Replace(operand)
		f.process.Printf("%s", format)
		return true, nil
	}, nil
}

func globbing(text string, ignoresCase bool, of func(*entry) string) (predicate, error) {
	compiled, err := compiledGlob(text, ignoresCase)
	return func(e *entry) (bool, error) { return compiled.MatchString(of(e)), nil }, err
}

// compiledGlob is a pattern as the shell's, of which * and ? stand for slashes too.
func compiledGlob(text string, ignoresCase bool) (*regexp.Regexp, error) {
	expression, err := pattern.Regexp(text, pattern.EntireString)
	if err != nil {
		return nil, err
	}
	if ignoresCase {
		expression = "(?i)" + expression
	}
	return regexp.Compile(expression)
}

func regexTest(text string, ignoresCase bool) (predicate, error) {
	compiled, err := posixExpression("^(?:"+text+")$", ignoresCase)
	return func(e *entry) (bool, error) { return compiled.MatchString(e.name), nil }, err
}

func posixExpression(text string, ignoresCase bool) (*regexp.Regexp, error) {
	if ignoresCase {
		text = "(?i)" + text
	}
	return regexp.Compile(text)
}

// compared reads a number with + (more) or - (less) before it.
func compared(text string) (number int64, holds func(value int64) bool, err error) {
	sign := text[:min(1, len(text))]
	number, err = strconv.ParseInt(strings.TrimLeft(text, "+-"), 10, 64)
	return number, func(value int64) bool {
		switch sign {
		case "+":
			return value > number
		case "-":
			return value < number
		}
		return value == number
	}, err
}

func sizeTest(text string) (predicate, error) {
	units := map[string]int64{"": 512, "b": 512, "c": 1, "w": 2, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30}
	digits := strings.TrimRight(text, "bcwkMG")
	unit := units[text[len(digits):]]
	_, holds, err := compared(digits)
	if err != nil || unit == 0 {
		return nil, fmt.Errorf("invalid number '%s'", text)
	}
	return func(e *entry) (bool, error) { return holds((e.info.Size() + unit - 1) / unit), nil }, nil
}

// permissionTest wants exactly this mode, with - before it all of its bits, with / any.
func permissionTest(text string) (predicate, error) {
	change, err := readMode(strings.TrimLeft(text, "-/"))
	if err != nil {
		return nil, err
	}
	wanted := change(0, false)
	return func(e *entry) (bool, error) {
		mode := statusOf(e.path, e.info).Mode & 0o7777
		switch text[0] {
		case '-':
			return mode&wanted == wanted, nil
		case '/':
			return mode&wanted != 0 || wanted == 0, nil
		}
		return mode == wanted, nil
	}, nil
}

func (f *finder) ageTest(text string, unit time.Duration) (predicate, error) {
	_, holds, err := compared(text)
	return func(e *entry) (bool, error) { return holds(int64(f.now.Sub(e.info.ModTime()) / unit)), nil }, err
}

// gathering are the files for one command that ends with {} +.
type gathering struct {
	words []string
	names []string
}

func (f *finder) exec() (predicate, error) {
	end := slices.Index(f.words, ";")
	plus := slices.Index(f.words, "+")
	if plus > 0 && f.words[plus-1] == "{}" && (end < 0 || plus < end) {
		all := &gathering{words: slices.Clone(f.words[:plus-1])}
		f.gathered = append(f.gathered, all)
		f.words = f.words[plus+1:]
		return func(e *entry) (bool, error) {
			all.names = append(all.names, e.name)
			return true, nil
		}, nil
	}
	if end < 1 {
		return nil, errors.New("-exec: a command has to end with ';' or '{} +'")
	}
	words := slices.Clone(f.words[:end])
	f.words = f.words[end+1:]
	return func(e *entry) (bool, error) {
		args := mapped(words, func(word string) string { return strings.ReplaceAll(word, "{}", e.name) })
		return runCommand(f.process, f.process.With(args...)) == 0, nil
	}, nil
}

func (f *finder) finish() {
	for _, each := range f.gathered {
		if len(each.names) > 0 && runCommand(f.process, f.process.With(append(each.words, each.names...)...)) != 0 {
			f.status = 1
		}
	}
}
