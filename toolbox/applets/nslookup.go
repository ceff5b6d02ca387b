package applets

import (
	"os"
	"strings"

	"wasmlet.dev/toolbox/program"
)

// nslookup answers from /etc/hosts: a WASI preview 1 program cannot ask a name server.
func nslookup(process *program.Process) int {
	if len(process.Args) < 2 {
		return process.Fail("which name?")
	}
	name := process.Args[1]
	addresses := fromHosts(name)
	if len(addresses) == 0 {
		return process.Fail("%s is not in /etc/hosts, and %s cannot be asked: "+
			"a WASI preview 1 program cannot open sockets", name, nameServers())
	}
	for _, address := range addresses {
		process.Printf("Name:\t%s\nAddress: %s\n", name, address)
	}
	return 0
}

func fromHosts(name string) []string {
	var addresses []string
	content, _ := os.ReadFile("/etc/hosts") // without it nothing is known
	for _, line := range strings.Split(string(content), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for _, known := range fields[min(1, len(fields)):] {
			if known == name {
				addresses = append(addresses, fields[0])
			}
		}
	}
	return addresses
}

func nameServers() string {
	var servers []string
	content, _ := os.ReadFile("/etc/resolv.conf") // without it there is no server
	for _, line := range strings.Split(string(content), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			servers = append(servers, fields[1])
		}
	}
	if len(servers) == 0 {
		return "a name server"
	}
	return "the name server " + strings.Join(servers, ", ")
}
