package applets

import (
	"strings"

	"wasmlet.dev/toolbox/program"
)

// uname prints the system (-s), the node's name (-n) and the machine (-m), all with -a.
func uname(process *program.Process) int {
	options, _, err := process.Parse("amnrs")
	if err != nil {
		return badUsage(process, err)
	}
	var words []string
	if options.Has("as") || !options.Has("mnr") {
		words = append(words, "WASI")
	}
	if options.Has("an") {
		words = append(words, ownHostname(process))
	}
	if options.Has("ar") {
		words = append(words, "preview1")
	}
	if options.Has("am") {
		words = append(words, "wasm32")
	}
	process.Printf("%s\n", strings.Join(words, " "))
	return 0
}
