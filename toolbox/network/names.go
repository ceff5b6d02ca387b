// Package network connects to others in the pod's network, and looks names up as the pod's DNS settings say.
package network

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"wasmlet.dev/toolbox/host"
)

// Resolver is what /etc/resolv.conf says.
type Resolver struct {
	Servers  []netip.AddrPort
	Search   []string
	Dots     int // a name with fewer dots is tried below the search domains first
	Patience time.Duration
	Attempts int
}

const nameServerPort = 53

// ReadResolver reads the settings; without any there is no server.
func ReadResolver() Resolver {
	content, _ := os.ReadFile("/etc/resolv.conf")
	return parseResolver(string(content))
}

func parseResolver(text string) Resolver {
	found := Resolver{Dots: 1, Patience: 5 * time.Second, Attempts: 2}
	for _, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if address, err := netip.ParseAddr(fields[1]); err == nil {
				found.Servers = append(found.Servers, netip.AddrPortFrom(address, nameServerPort))
			}
		case "search", "domain":
			found.Search = fields[1:]
		case "options":
			found.heed(fields[1:])
		}
	}
	return found
}

func (r *Resolver) heed(options []string) {
	for _, option := range options {
		name, value, _ := strings.Cut(option, ":")
		number, err := strconv.Atoi(value)
		if err != nil {
			continue
		}
		switch name {
		case "ndots":
			r.Dots = number
		case "timeout":
			r.Patience = time.Duration(max(1, number)) * time.Second
		case "attempts":
			r.Attempts = max(1, number)
		}
	}
}

// Candidates are the names that a name may mean, in the order in which they are tried.
func (r Resolver) Candidates(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var below []string
	for _, domain := range r.Search {
		below = append(below, name+"."+strings.TrimSuffix(domain, ".")+".")
	}
	if strings.Count(name, ".") >= r.Dots {
		return append([]string{name + "."}, below...)
	}
	return append(below, name+".")
}

// NotFound is the answer that there is no such name.
var NotFound = errors.New("bad address: no such name")

// Addresses looks a name up: as an address, in /etc/hosts, then at the name servers.
func Addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return []netip.Addr{address}, nil
	}
	if known := FromHosts(name); len(known) > 0 {
		return known, nil
	}
	_, addresses, err := ReadResolver().Lookup(ctx, name)
	return addresses, err
}

// FromHosts is what /etc/hosts says of a name.
func FromHosts(name string) []netip.Addr {
	content, _ := os.ReadFile("/etc/hosts") // without it nothing is known
	return inHosts(string(content), name)
}

func inHosts(text, name string) []netip.Addr {
	var addresses []netip.Addr
	for _, line := range strings.Split(text, "\n") {
		line, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(line)
		for _, known := range fields[min(1, len(fields)):] {
			if strings.EqualFold(known, name) {
				if address, err := netip.ParseAddr(fields[0]); err == nil {
					addresses = append(addresses, address)
				}
			}
		}
	}
	return addresses
}

// Lookup asks the name servers for addresses. It gives the name that was found.
func (r Resolver) Lookup(ctx context.Context, name string) (string, []netip.Addr, error) {
	if len(r.Servers) == 0 {
		return "", nil, errors.New("/etc/resolv.conf names no server to ask")
	}
	failed := error(NotFound)
	for _, candidate := range r.Candidates(name) {
		addresses, err := r.lookupOne(ctx, candidate)
		if len(addresses) > 0 {
			return candidate, addresses, nil
		}
		if err != nil && !errors.Is(err, NotFound) {
			failed = err
		}
	}
	return "", nil, failed
}

func (r Resolver) lookupOne(ctx context.Context, name string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	var failed error
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		answer, err := r.Ask(ctx, name, kind)
		if err != nil {
			failed = err
			continue
		}
		for _, record := range answer.Answers {
			switch body := record.Body.(type) {
			case *dnsmessage.AResource:
				addresses = append(addresses, netip.AddrFrom4(body.A))
			case *dnsmessage.AAAAResource:
				addresses = append(addresses, netip.AddrFrom16(body.AAAA))
			}
		}
	}
	return addresses, failed
}

// Ask sends one question, to each server in its turn until one answers.
func (r Resolver) Ask(ctx context.Context, name string, kind dnsmessage.Type) (*dnsmessage.Message, error) {
	question, identity, err := encoded(name, kind)
	if err != nil {
		return nil, err
	}
	failed := error(nil)
	for range r.Attempts {
		for _, server := range r.Servers {
			answer, err := r.askServer(ctx, server, question, identity)
			if err == nil || errors.Is(err, NotFound) || ctx.Err() != nil {
				return answer, err
			}
			failed = err
		}
	}
	return nil, failed
}

func encoded(text string, kind dnsmessage.Type) ([]byte, uint16, error) {
	name, err := dnsmessage.NewName(text)
	if err != nil {
		return nil, 0, fmt.Errorf("bad name %q", text)
	}
	var random [2]byte
	rand.Read(random[:])
	identity := binary.LittleEndian.Uint16(random[:])
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: identity, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := message.Pack()
	return packed, identity, err
}

func (r Resolver) askServer(ctx context.Context, server netip.AddrPort, question []byte, identity uint16) (*dnsmessage.Message, error) {
	answer, err := r.exchange(ctx, "udp", server, question, identity)
	if err == nil && answer.Truncated {
		answer, err = r.exchange(ctx, "tcp", server, question, identity)
	}
	if err != nil {
		return nil, fmt.Errorf("can't ask name server %s: %w", server.Addr(), err)
	}
	switch answer.RCode {
	case dnsmessage.RCodeSuccess:
		return answer, nil
	case dnsmessage.RCodeNameError:
		return answer, NotFound
	}
	return answer, fmt.Errorf("name server %s answers %s", server.Addr(), strings.TrimPrefix(answer.RCode.String(), "RCode"))
}

func (r Resolver) exchange(ctx context.Context, network string, server netip.AddrPort, question []byte, identity uint16) (*dnsmessage.Message, error) {
	connection, err := host.Dial(network, server, r.Patience)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	defer stop()
	connection.SetDeadline(time.Now().Add(r.Patience))
	if network == "tcp" {
		question = append([]byte{byte(len(question) >> 8), byte(len(question))}, question...)
	}
	if _, err := connection.Write(question); err != nil {
		return nil, err
	}
	buffer := make([]byte, 64<<10)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return nil, err
		}
		data := buffer[:count]
		if network == "tcp" {
			if data, err = wholeMessage(connection, data); err != nil {
				return nil, err
			}
		}
		var answer dnsmessage.Message
		if answer.Unpack(data) == nil && answer.ID == identity && answer.Response {
			return &answer, nil
		}
		if network == "tcp" {
			return nil, errors.New("the answer is no DNS message")
		}
	}
}

// wholeMessage reads on until a message is there as long as its first two bytes say.
func wholeMessage(connection interface{ Read([]byte) (int, error) }, data []byte) ([]byte, error) {
	buffer := make([]byte, 4096)
	for len(data) < 2 || len(data) < 2+int(data[0])<<8+int(data[1]) {
		count, err := connection.Read(buffer)
		if err != nil {
			return nil, err
		}
		data = append(append([]byte{}, data...), buffer[:count]...)
	}
	return data[2 : 2+int(data[0])<<8+int(data[1])], nil
}
