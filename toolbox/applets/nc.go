package applets

import (
	"io"

	"wasmlet.dev/toolbox/program"
)

// nc serves one connection (-l, on a socket that the runtime has opened): its data come out, the input goes in.
func nc(process *program.Process) int {
	options, words, err := process.Parse("lnp:uvw:z")
	if err != nil {
		return badUsage(process, err)
	}
	if !options.Has("l") {
		return process.Fail("cannot connect: a WASI preview 1 program cannot open sockets")
	}
	if options.Has("u") {
		return process.Fail("-u: only TCP sockets can be passed to this program")
	}
	port := options['p']
	if port == "" && len(words) > 0 {
		port = words[len(words)-1]
	}
	accepting, err := listener(process, port)
	if err != nil {
		return process.Fail("port %s: %s", port, err)
	}
	defer accepting.Close()
	connection, err := accepting.Accept()
	if err != nil {
		return process.Fail("port %s: %s", port, program.Reason(err))
	}
	defer connection.Close()
	go io.Copy(connection, process.Stdin)
	if _, err := io.Copy(process.Stdout, connection); err != nil {
		return process.Fail("port %s: %s", port, program.Reason(err))
	}
	return 0
}
