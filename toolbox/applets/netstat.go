package applets

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// netstat lists the sockets of the pod's network, where the runtime shows them.
func netstat(process *program.Process) int {
	options, _, err := process.Parse("alntu")
	if err != nil {
		return badUsage(process, err)
	}
	process.Printf("Active Internet connections\nProto Local Address           Foreign Address         State\n")
	status := 0
	for _, protocol := range protocols(options) {
		file := "/proc/net/" + protocol
		content, err := os.ReadFile(file)
		if err != nil {
			status = process.FailAt(file, err)
			continue
		}
		for _, socket := range sockets(string(content)) {
			if socket.isWanted(options) {
				process.Printf("%-5s %-23s %-23s %s\n", protocol, socket.local, socket.remote, socket.state)
			}
		}
	}
	return status
}

func protocols(options program.Options) []string {
	var names []string
	if options.Has("t") || !options.Has("u") {
		names = append(names, "tcp", "tcp6")
	}
	if options.Has("u") || !options.Has("t") {
		names = append(names, "udp", "udp6")
	}
	return names
}

type socket struct{ local, remote, state string }

func (s socket) isWanted(options program.Options) bool {
	isListening := s.state == "LISTEN" || (s.state == "" && strings.HasSuffix(s.remote, ":0"))
	return options.Has("a") || isListening == options.Has("l")
}

var states = [...]string{
	"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "", "CLOSE_WAIT", "LAST_ACK",
	"LISTEN", "CLOSING",
}

// sockets reads a table of the kernel: a title, then local address, remote address and state in fields 1 to 3.
func sockets(table string) []socket {
	var found []socket
	lines := strings.Split(strings.TrimSpace(table), "\n")
	for _, line := range lines[min(1, len(lines)):] {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		var state int
		fmt.Sscanf(fields[3], "%x", &state)
		found = append(found, socket{endpoint(fields[1]), endpoint(fields[2]), states[state%len(states)]})
	}
	return found
}

// endpoint turns words of the node's byte order, as in 0100007F:0050, into an address and a port.
func endpoint(text string) string {
	address, portText, _ := strings.Cut(text, ":")
	var port uint16
	fmt.Sscanf(portText, "%x", &port)
	raw, err := hex.DecodeString(address)
	if err != nil {
		return text
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	parsed, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(parsed, port).String()
}
