package applets

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"wasmlet.dev/toolbox/network"
	"wasmlet.dev/toolbox/program"
)

var recordTypes = map[string]dnsmessage.Type{
	"a": dnsmessage.TypeA, "aaaa": dnsmessage.TypeAAAA, "cname": dnsmessage.TypeCNAME, "mx": dnsmessage.TypeMX, "ns": dnsmessage.TypeNS,
	"ptr": dnsmessage.TypePTR, "soa": dnsmessage.TypeSOA, "srv": dnsmessage.TypeSRV, "txt": dnsmessage.TypeTXT,
}

// nslookup asks a name server, the pod's or the one that is named, for addresses or for records of a -type.
func nslookup(process *program.Process) int {
	kind, words := "", []string{}
	for _, word := range process.Args[1:] {
		if wanted, found := strings.CutPrefix(strings.TrimPrefix(word, "-query="), "-type="); found || strings.HasPrefix(word, "-query=") {
			kind = strings.ToLower(wanted)
		} else if !strings.HasPrefix(word, "-") {
			words = append(words, word)
		}
	}
	if len(words) == 0 || len(words) > 2 {
		return usageOf(process)
	}
	resolver := network.ReadResolver()
	if len(words) == 2 {
		addresses, err := network.Addresses(process.Context, words[1])
		if err != nil {
			return process.Fail("%s: %s", words[1], program.Reason(err))
		}
		resolver.Servers = []netip.AddrPort{netip.AddrPortFrom(addresses[0], 53)}
	}
	if len(resolver.Servers) > 0 {
		process.Printf("Server:\t\t%s\nAddress:\t%s\n\n", resolver.Servers[0].Addr(), resolver.Servers[0])
	}
	if address, err := netip.ParseAddr(words[0]); err == nil && kind == "" {
		return printRecords(process, resolver, reverseName(address), dnsmessage.TypePTR, words[0])
	}
	if kind != "" {
		wanted, known := recordTypes[kind]
		if !known {
			return process.Fail("invalid query type \"%s\"", kind)
		}
		return printRecords(process, resolver, words[0], wanted, words[0])
	}
	if known := network.FromHosts(words[0]); len(known) > 0 && len(words) == 1 {
		return printAddresses(process, words[0], known)
	}
	found, addresses, err := resolver.Lookup(process.Context, words[0])
	if err == network.NotFound {
		process.Printf("** server can't find %s: NXDOMAIN\n\n", words[0])
		return 1
	}
	if err != nil {
		return process.Fail("%s", program.Reason(err))
	}
	return printAddresses(process, strings.TrimSuffix(found, "."), addresses)
}

func printAddresses(process *program.Process, name string, addresses []netip.Addr) int {
	for _, address := range addresses {
		process.Printf("Name:\t%s\nAddress: %s\n", name, address)
	}
	process.Printf("\n")
	return 0
}

func printRecords(process *program.Process, resolver network.Resolver, name string, kind dnsmessage.Type, shown string) int {
	failed := error(network.NotFound)
	for _, candidate := range resolver.Candidates(name) {
		answer, err := resolver.Ask(process.Context, candidate, kind)
		if err != nil {
			failed = err
			continue
		}
		count := 0
		for _, record := range answer.Answers {
			if text := recordText(record); text != "" {
				process.Printf("%s\t%s\n", strings.TrimSuffix(record.Header.Name.String(), "."), text)
				count++
			}
		}
		if count > 0 {
			process.Printf("\n")
			return 0
		}
	}
	if failed == network.NotFound {
		process.Printf("** server can't find %s: NXDOMAIN\n\n", shown)
		return 1
	}
	return process.Fail("%s", program.Reason(failed))
}

func recordText(record dnsmessage.Resource) string {
	switch body := record.Body.(type) {
	case *dnsmessage.AResource:
		return "address = " + netip.AddrFrom4(body.A).String()
	case *dnsmessage.AAAAResource:
		return "address = " + netip.AddrFrom16(body.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return "canonical name = " + body.CNAME.String()
	case *dnsmessage.PTRResource:
		return "name = " + body.PTR.String()
	case *dnsmessage.NSResource:
		return "nameserver = " + body.NS.String()
	case *dnsmessage.MXResource:
		return "mail exchanger = " + itoa(int(body.Pref)) + " " + body.MX.String()
	case *dnsmessage.SRVResource:
		return "service = " + itoa(int(body.Priority)) + " " + itoa(int(body.Weight)) + " " + itoa(int(body.Port)) + " " + body.Target.String()
	case *dnsmessage.TXTResource:
		return "text = \"" + strings.Join(body.TXT, "") + "\""
	case *dnsmessage.SOAResource:
		return "origin = " + body.NS.String() + " mail addr = " + body.MBox.String() + " serial = " + itoa(int(body.Serial))
	}
	return ""
}

// reverseName is the name that leads from an address to names.
func reverseName(address netip.Addr) string {
	raw := address.AsSlice()
	var labels []string
	for index := len(raw) - 1; index >= 0; index-- {
		if address.Is4() {
			labels = append(labels, itoa(int(raw[index])))
		} else {
			const hexadecimal = "0123456789abcdef"
			labels = append(labels, string(hexadecimal[raw[index]&15]), string(hexadecimal[raw[index]>>4]))
		}
	}
	if address.Is4() {
		return strings.Join(labels, ".") + ".in-addr.arpa."
	}
	return strings.Join(labels, ".") + ".ip6.arpa."
}
