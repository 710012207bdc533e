package telwerk

import "testing"

func TestLoopbackIsKnownHoweverItIsWritten(t *testing.T) {
	for address, expected := range map[string]bool{
		"localhost:50051": true, "LOCALHOST:1": true, "localhost.:1": true, "kpi.localhost:1": true, "localhost": true,
		"ip6-localhost:1": true, "ip6-loopback:1": true, "localhost.localdomain:1": true, "localhost6.localdomain6:1": true,
		"localhost4:1": true, "mylocalhost:1": false,
		"127.0.0.1:50051": true, "127.8.9.1:1": true, "[::1]:50051": true, "dns:///localhost:1": true, "dns:127.0.0.1:1": true,
		"passthrough:///127.0.0.1:1": true, "unix:/run/telwerk.sock": true, "unix:///run/telwerk.sock": true,
		"unix-abstract:telwerk": true,
		"kpi.example:443":       false, "localhost.example:443": false, "127.example:1": false, "10.0.0.1:1": false, "[2001:db8::1]:1": false,
	} {
		if isLoopback(address) != expected {
			t.Errorf("isLoopback(%q) is %v", address, !expected)
		}
	}
}
