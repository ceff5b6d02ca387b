package shell

import (
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// complete finds what the word before a place may become: names of commands where one begins, of files elsewhere.
func (s *Shell) complete(line string, place int) (words []string, start int) {
	start = strings.LastIndexAny(line[:place], " \t|&;(<>=\"'`") + 1
	word := line[start:place]
	before := strings.TrimRight(line[:start], " \t")
	isCommand := before == "" || strings.HasSuffix(before, "|") || strings.HasSuffix(before, ";") || strings.HasSuffix(before, "&") ||
		strings.HasSuffix(before, "(")
	if isCommand && !strings.Contains(word, "/") {
		return s.commandsLike(word), start
	}
	return s.filesLike(word), start
}

func (s *Shell) commandsLike(beginning string) []string {
	found := map[string]bool{}
	note := func(name string) {
		if strings.HasPrefix(name, beginning) {
			found[name] = true
		}
	}
	for _, names := range []map[string]builtin{builtins, specialBuiltins} {
		for name := range names {
			note(name)
		}
	}
	for name := range s.functions {
		note(name)
	}
	for name := range s.aliases {
		note(name)
	}
	process := s.asProcess("sh")
	for _, name := range process.Programs.Names() {
		if _, err := process.Programs.Find(process, name); strings.HasPrefix(name, beginning) && err == nil {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (s *Shell) filesLike(beginning string) []string {
	dir, name := path.Split(beginning)
	place := s.process.Path(dir)
	if rest, isHome := strings.CutPrefix(dir, "~/"); isHome {
		place = path.Join(s.variables["HOME"].Str, rest)
	}
	if dir == "" {
		place = s.process.Dir
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), name) || (name == "" && strings.HasPrefix(entry.Name(), ".")) {
			continue
		}
		word := dir + entry.Name()
		if info, err := os.Stat(path.Join(place, entry.Name())); err == nil && info.IsDir() {
			word += "/"
		}
		found = append(found, word)
	}
	return found
}
