package applets

import (
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// hostname prints the pod's: WASI has no call for it, the runtime provides the file and the variable.
func hostname(process *program.Process) int {
	_, words, err := process.Parse("fsi")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) > 0 {
		return process.Fail("sethostname: Operation not permitted: a name is the pod's")
	}
	name := ownHostname(process)
	if name == "" {
		return process.Fail("there is neither /etc/hostname nor HOSTNAME")
	}
	process.Printf("%s\n", name)
	return 0
}

func ownHostname(process *program.Process) string {
	content, err := os.ReadFile("/etc/hostname")
	if name := strings.TrimSpace(string(content)); err == nil && name != "" {
		return name
	}
	return process.Getenv("HOSTNAME")
}
