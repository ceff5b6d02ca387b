package applets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"wasmlet.dev/toolbox/program"
)

const firstListener = 3

// listener is the socket for a port that the runtime has opened for this program: LISTEN_FDS says how many there are,
// from descriptor 3 on, and LISTEN_FDNAMES how they are called, as systemd has it. A name that holds the port decides;
// else the first is taken.
func listener(process *program.Process, port string) (net.Listener, error) {
	count, err := strconv.Atoi(process.Getenv("LISTEN_FDS"))
	if err != nil || count < 1 {
		return nil, errors.New("the runtime has passed no listening socket (LISTEN_FDS is not set), " +
			"and a WASI preview 1 program cannot open one")
	}
	number := firstListener + named(process.Getenv("LISTEN_FDNAMES"), port)
	file := os.NewFile(uintptr(number), "listener")
	if file == nil {
		return nil, fmt.Errorf("descriptor %d is not open", number)
	}
	defer file.Close()
	return net.FileListener(file)
}

func named(names, port string) int {
	for index, name := range strings.Split(names, ":") {
		if before, found := strings.CutSuffix(name, port); found && strings.TrimRight(before, "0123456789") == before {
			return index
		}
	}
	return 0
}
