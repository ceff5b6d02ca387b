package applets

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// pgrep finds processes by their names. A WebAssembly program sees those that the runtime shows below /proc: none.
func pgrep(process *program.Process) int {
	options, words, err := process.Parse("flovx")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return badUsage(process, os.ErrInvalid)
	}
	pattern, err := regexp.Compile(words[0])
	if err != nil {
		return badUsage(process, err)
	}
	status := 1
	for pid, name := range processes() {
		if pattern.MatchString(name) != options.Has("v") {
			process.Printf("%s\n", pid)
			status = 0
		}
	}
	return status
}

func pidof(process *program.Process) int {
	var found []string
	for pid, name := range processes() {
		for _, wanted := range process.Args[1:] {
			if name == path.Base(wanted) {
				found = append(found, pid)
			}
		}
	}
	if len(found) == 0 {
		return 1
	}
	process.Printf("%s\n", strings.Join(found, " "))
	return 0
}

// processes are the names of all that can be seen, by their numbers.
func processes() map[string]string {
	names := map[string]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is right
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil {
			names[path.Base(path.Dir(file))] = strings.TrimSpace(string(content))
		}
	}
	return names
}
