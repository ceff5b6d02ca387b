package applets

import (
	"path"
	"strings"

	"wasmlet.dev/toolbox/program"
)

func basename(process *program.Process) int {
	options, words, err := process.Parse("+as:z", "multiple=a", "suffix=s")
	if err != nil {
		return badUsage(process, err)
	}
	suffix := options['s']
	if len(words) == 2 && !options.Has("as") {
		words, suffix = words[:1], words[1]
	}
	if len(words) == 0 || (len(words) > 1 && !options.Has("as")) {
		return usageOf(process)
	}
	for _, word := range words {
		name := path.Base(word)
		if name != suffix {
			name = strings.TrimSuffix(name, suffix)
		}
		process.Printf("%s\n", name)
	}
	return 0
}

func dirname(process *program.Process) int {
	if len(process.Args) < 2 {
		return usageOf(process)
	}
	for _, word := range process.Args[1:] {
		trimmed := strings.TrimRight(word, "/")
		if trimmed == "" && word != "" {
			trimmed = "/"
		}
		process.Printf("%s\n", path.Dir(trimmed))
	}
	return 0
}
