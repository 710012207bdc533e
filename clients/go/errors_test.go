package telwerk_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	telwerk "telwerk.io/go"
	"telwerk.io/go/telwerkv1"
)

// refusing is a server that refuses everything, with the details of Telwerk's errors, or waits for the caller's end.
type refusing struct {
	telwerkv1.UnimplementedIngestionServiceServer
	telwerkv1.UnimplementedKpiServiceServer
}

func quotaExceeded() error {
	state, err := status.New(codes.ResourceExhausted, "its share is used up").WithDetails(
		&errdetails.ErrorInfo{Reason: telwerk.ReasonQuotaExceeded, Metadata: map[string]string{"limit": "calls_max"}})
	if err != nil {
		panic(err)
	}
	return state.Err()
}

func (refusing) IngestEvents(context.Context, *telwerkv1.IngestEventsRequest) (*telwerkv1.IngestEventsResponse, error) {
	return nil, quotaExceeded()
}

func (refusing) StreamEvents(stream telwerkv1.IngestionService_StreamEventsServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	return quotaExceeded()
}

func (refusing) ListKpis(ctx context.Context, _ *telwerkv1.ListKpisRequest) (*telwerkv1.ListKpisResponse, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

func (refusing) WatchTimeSeries(_ *telwerkv1.WatchTimeSeriesRequest, stream telwerkv1.KpiService_WatchTimeSeriesServer) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

func connected(t *testing.T) *telwerk.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	telwerkv1.RegisterIngestionServiceServer(server, refusing{})
	telwerkv1.RegisterKpiServiceServer(server, refusing{})
	go server.Serve(listener)
	client, err := telwerk.New(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Stop() })
	return client
}

func found(t *testing.T, err error, code codes.Code) *telwerk.Error {
	t.Helper()
	var failure *telwerk.Error
	if !errors.As(err, &failure) {
		t.Fatalf("errors.As finds no *telwerk.Error in %T: %v", err, err)
	}
	if again, ok := telwerk.FromError(err); !ok || again != failure {
		t.Errorf("FromError finds another: %v", again)
	}
	if failure.Code != code || status.Code(failure) != code {
		t.Errorf("the code is %v, status.Code says %v, expected %v", failure.Code, status.Code(failure), code)
	}
	return failure
}

func TestErrorsAsFindsTheErrorOfACallAlsoWhereItIsWrapped(t *testing.T) {
	_, err := connected(t).Ingestion.IngestEvents(t.Context(), &telwerkv1.IngestEventsRequest{})
	for _, one := range []error{err, fmt.Errorf("sending: %w", err), errors.Join(errors.New("also"), err)} {
		failure := found(t, one, codes.ResourceExhausted)
		if failure.Reason != telwerk.ReasonQuotaExceeded || failure.Metadata["limit"] != "calls_max" || !failure.Transient() {
			t.Errorf("%+v", failure)
		}
	}
	if details := status.Convert(err).Details(); len(details) != 1 {
		t.Errorf("package status finds the details %v", details)
	}
}

func TestErrorsAsFindsTheErrorOfAStream(t *testing.T) {
	stream, err := connected(t).Ingestion.StreamEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&telwerkv1.StreamEventsRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	found(t, err, codes.ResourceExhausted)
}

func TestErrorsAsFindsTheErrorOfTheCallersOwnContext(t *testing.T) {
	client := connected(t)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Kpis.ListKpis(short, &telwerkv1.ListKpisRequest{})
	found(t, err, codes.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is no context.DeadlineExceeded: %v", err)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	stream, err := client.Kpis.WatchTimeSeries(cancelled, &telwerkv1.WatchTimeSeriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = stream.Recv()
	found(t, err, codes.Canceled)
	if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is no context.Canceled: %v", err)
	}

	_, err = client.Kpis.ListKpis(cancelled, &telwerkv1.ListKpisRequest{})
	found(t, err, codes.Canceled)
	for answer, err := range client.Watch(cancelled, &telwerkv1.WatchTimeSeriesRequest{}, telwerk.DefaultPatience) {
		if answer != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled watch gave %v, %v", answer, err)
		}
	}
}

func TestFromErrorMakesOneOfAStatusAndOfNothingElse(t *testing.T) {
	if failure, ok := telwerk.FromError(fmt.Errorf("wrapped: %w", quotaExceeded())); !ok || failure.Reason != telwerk.ReasonQuotaExceeded {
		t.Errorf("a wrapped status gave %v", failure)
	}
	for _, other := range []error{nil, errors.New("of something else")} {
		if failure, ok := telwerk.FromError(other); ok {
			t.Errorf("%v gave %v", other, failure)
		}
	}
}
