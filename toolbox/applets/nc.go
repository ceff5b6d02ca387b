package applets

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"wasmlet.dev/toolbox/network"
	"wasmlet.dev/toolbox/program"
)

// nc connects to a port (-u: by UDP; -z: only looks whether it is open; -w: seconds that it waits), or with -l serves one
// connection on a socket that the runtime has opened. What comes is printed, the input goes out.
func nc(process *program.Process) int {
	options, words, err := process.Parse("46klnp:q:uvw:z")
	if err != nil {
		return badUsage(process, err)
	}
	if options.Has("l") {
		return ncListen(process, options, words)
	}
	if len(words) != 2 {
		return usageOf(process)
	}
	port, err := strconv.ParseUint(words[1], 10, 16)
	if err != nil {
		return process.Fail("bad port '%s'", words[1])
	}
	patience, err := seconds(options, 'w', 0)
	if err != nil {
		return badUsage(process, fmt.Errorf("invalid number '%s'", options['w']))
	}
	protocol := "tcp"
	if options.Has("u") {
		protocol = "udp"
	}
	connection, err := network.Dial(process.Context, protocol, words[0], uint16(port), time.Duration(patience)*time.Second)
	if err != nil {
		return process.Fail("%s (%s:%s): %s", "can't connect to remote host", words[0], words[1], program.Reason(err))
	}
	defer connection.Close()
	if options.Has("v") {
		process.Complain("%s (%s:%s) open\n", words[0], words[0], words[1])
	}
	if options.Has("z") {
		return 0
	}
	return converse(process, connection, time.Duration(patience)*time.Second)
}

func ncListen(process *program.Process, options program.Options, words []string) int {
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
	context.AfterFunc(process.Context, func() { accepting.Close() })
	connection, err := accepting.Accept()
	if err != nil {
		return process.Fail("port %s: %s", port, program.Reason(err))
	}
	defer connection.Close()
	return converse(process, connection, 0)
}

// converse carries data both ways until the other side has ended.
func converse(process *program.Process, connection net.Conn, patience time.Duration) int {
	context.AfterFunc(process.Context, func() { connection.Close() })
	program.Go(func() {
		io.Copy(connection, process.Stdin)
		if half, canEnd := connection.(*net.TCPConn); canEnd {
			half.CloseWrite()
		}
	})
	buffer := make([]byte, 32<<10)
	for {
		if patience > 0 {
			connection.SetReadDeadline(time.Now().Add(patience))
		}
		count, err := connection.Read(buffer)
		process.Stdout.Write(buffer[:count])
		switch {
		case process.Context.Err() != nil:
			return program.EndedBy(process.Context)
		case err == io.EOF || os.IsTimeout(err):
			return 0
		case err != nil:
			return process.Fail("%s", program.Reason(err))
		}
	}
}
