package telwerk

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const (
	severalScheme = "telwerk"
	roundRobin    = `{"loadBalancingConfig": [{"round_robin": {}}],`
)

// addressesOf is the addresses that stand in one, with commas between them.
func addressesOf(address string) []string {
	var found []string
	for _, one := range strings.Split(address, ",") {
		found = append(found, strings.TrimSpace(one))
	}
	return found
}

// balanced is what grpc dials for an address, and how: calls go to all servers that it names in turn, and to none that is
// away. Of one server it is the address itself.
func balanced(address string) (string, []grpc.DialOption) {
	addresses := addressesOf(address)
	if len(addresses) == 1 && !strings.HasPrefix(address, "dns:") {
		return address, []grpc.DialOption{grpc.WithDefaultServiceConfig(serviceConfig)}
	}
	shared := grpc.WithDefaultServiceConfig(roundRobin + strings.TrimPrefix(strings.TrimSpace(serviceConfig), "{"))
	if len(addresses) == 1 {
		return address, []grpc.DialOption{shared}
	}
	state := resolver.State{}
	for _, one := range addresses {
		// With TLS each server shows a certificate of its own.
		state.Addresses = append(state.Addresses, resolver.Address{Addr: one, ServerName: one})
	}
	known := manual.NewBuilderWithScheme(severalScheme)
	known.InitialState(state)
	return severalScheme + ":///" + addresses[0], []grpc.DialOption{shared, grpc.WithResolvers(known)}
}

// areLoopback says whether all addresses are of this host itself.
func areLoopback(address string) bool {
	for _, one := range addressesOf(address) {
		if !isLoopback(one) {
			return false
		}
	}
	return true
}
