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

// netstat lists the sockets of the pod's network, where the runtime shows them: with -a, -l, -n, -r, -t, -u, -w and -x.
func netstat(process *program.Process) int {
	options, _, err := process.Parse("aelnprtuWwx")
	if err != nil {
		return badUsage(process, err)
	}
	if options.Has("r") {
		return routes(process)
	}
	kinds := "w/o servers"
	if options.Has("a") {
		kinds = "servers and established"
	} else if options.Has("l") {
		kinds = "only servers"
	}
	process.Printf("Active Internet connections (%s)\nProto Recv-Q Send-Q Local Address           Foreign Address         State       \n", kinds)
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
				process.Printf("%-5s %6d %6d %-23s %-23s %-12s\n", protocol, socket.received, socket.sent, socket.local, socket.remote, socket.state)
			}
		}
	}
	return status
}

// routes prints the table of IPv4.
func routes(process *program.Process) int {
	content, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return process.FailAt("/proc/net/route", err)
	}
	process.Printf("Kernel IP routing table\nDestination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n")
	for _, line := range strings.Split(string(content), "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) < 11 {
			continue
		}
		var flags int
		fmt.Sscanf(fields[3], "%x", &flags)
		letters := ""
		for bit, letter := range "UGH" {
			if flags>>bit&1 == 1 {
				letters += string(letter)
			}
		}
		address := func(field string) string { return strings.TrimSuffix(endpoint(field+":0"), ":0") }
		process.Printf("%-15s %-15s %-15s %-6s %5s %-5s %6s %s\n", address(fields[1]), address(fields[2]), address(fields[7]), letters,
			fields[8], fields[9], fields[10], fields[0])
	}
	return 0
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

type socket struct {
	local, remote, state string
	sent, received       int // bytes that wait
}

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
		each := socket{local: endpoint(fields[1]), remote: endpoint(fields[2]), state: states[state%len(states)]}
		if len(fields) > 4 {
			fmt.Sscanf(fields[4], "%x:%x", &each.sent, &each.received)
		}
		found = append(found, each)
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
