package telwerk

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"telwerk.io/go/telwerkv1"
)

// counting is a server that counts the calls that it answers.
type counting struct {
	telwerkv1.UnimplementedKpiServiceServer
	calls atomic.Int64
}

func (s *counting) ListKpis(context.Context, *telwerkv1.ListKpisRequest) (*telwerkv1.ListKpisResponse, error) {
	s.calls.Add(1)
	return &telwerkv1.ListKpisResponse{}, nil
}

func listening(t *testing.T) (*counting, *grpc.Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service, server := &counting{}, grpc.NewServer()
	telwerkv1.RegisterKpiServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return service, server, listener.Addr().String()
}

func TestCallsAreSharedByTheServersOfSeveralAddressesAndGoOnWhenOneIsKilled(t *testing.T) {
	first, killed, one := listening(t)
	second, _, other := listening(t)
	client, err := New(one + ", " + other)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ask := func() {
		t.Helper()
		if _, err := client.Kpis.ListKpis(context.Background(), &telwerkv1.ListKpisRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	for first.calls.Load() == 0 || second.calls.Load() == 0 {
		ask()
	}
	killed.Stop()
	before := second.calls.Load()
	for range 20 {
		ask()
	}
	if second.calls.Load() < before+20 {
		t.Errorf("the server that is left answered %d of 20 calls", second.calls.Load()-before)
	}
}
