package network

import (
	"context"
	"net"
	"net/netip"
	"time"

	"wasmlet.dev/toolbox/host"
)

// Dial connects to a host by its name or address, at the first of its addresses that answers.
func Dial(ctx context.Context, network, name string, port uint16, patience time.Duration) (net.Conn, error) {
	addresses, err := Addresses(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		var connection net.Conn
		if connection, err = host.Dial(network, netip.AddrPortFrom(address, port), patience); err == nil {
			context.AfterFunc(ctx, func() { connection.Close() })
			return connection, nil
		}
	}
	return nil, err
}
