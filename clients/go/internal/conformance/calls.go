package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	telwerk "telwerk.io/go"
	"telwerk.io/go/telwerkv1"
)

// call is one RPC, given its requests as JSON.
type call struct {
	// run sends the requests and hands each answer to `answered`, as it comes.
	run func(ctx context.Context, requests [][]byte, answered func(proto.Message) error) error
	// answer makes an empty one.
	answer func() proto.Message
}

// message is a pointer to a generated struct.
type message[M any] interface {
	*M
	proto.Message
}

func callsOf(client *telwerk.Client) map[string]call {
	return map[string]call{
		"watch":                              watch(client),
		"IngestionService/IngestEvents":      unary(client.Ingestion.IngestEvents),
		"IngestionService/StreamEvents":      exchange(client.Ingestion.StreamEvents),
		"KpiService/ListKpis":                unary(client.Kpis.ListKpis),
		"KpiService/QueryTimeSeries":         unary(client.Kpis.QueryTimeSeries),
		"KpiService/QueryTotals":             unary(client.Kpis.QueryTotals),
		"KpiService/BatchQuery":              unary(client.Kpis.BatchQuery),
		"KpiService/WatchTimeSeries":         stream(client.Kpis.WatchTimeSeries),
		"KpiService/ExplainCount":            unary(client.Kpis.ExplainCount),
		"KpiService/ListDimensionValues":     unary(client.Kpis.ListDimensionValues),
		"SettingsService/SetWidgetSettings":  unary(client.Settings.SetWidgetSettings),
		"SettingsService/GetWidgetSettings":  unary(client.Settings.GetWidgetSettings),
		"SettingsService/ListWidgetSettings": unary(client.Settings.ListWidgetSettings),
		"SettingsService/SetAccountSettings": unary(client.Settings.SetAccountSettings),
		"SettingsService/GetAccountSettings": unary(client.Settings.GetAccountSettings),
		"SettingsService/SetDisplayNames":    unary(client.Settings.SetDisplayNames),
		"SettingsService/ListDisplayNames":   unary(client.Settings.ListDisplayNames),
		"AdminService/EraseConversation":     unary(client.Admin.EraseConversation),
		"AdminService/PurgeEvents":           unary(client.Admin.PurgeEvents),
	}
}

func unary[Q, A any, PQ message[Q], PA message[A]](
	method func(context.Context, PQ, ...grpc.CallOption) (PA, error),
) call {
	return call{answer: empty[A, PA], run: func(ctx context.Context, requests [][]byte, answered func(proto.Message) error) error {
		request, err := parsed[Q, PQ](requests[0])
		if err != nil {
			return err
		}
		answer, err := method(ctx, request)
		if err != nil {
			return err
		}
		return answered(answer)
	}}
}

func stream[Q, A any, PQ message[Q], PA message[A]](
	method func(context.Context, PQ, ...grpc.CallOption) (grpc.ServerStreamingClient[A], error),
) call {
	return call{answer: empty[A, PA], run: func(ctx context.Context, requests [][]byte, answered func(proto.Message) error) error {
		request, err := parsed[Q, PQ](requests[0])
		if err != nil {
			return err
		}
		answers, err := method(ctx, request)
		if err != nil {
			return err
		}
		return each[A, PA](answers, answered)
	}}
}

// watch is the client's own, which opens again what broke.
func watch(client *telwerk.Client) call {
	return call{answer: empty[telwerkv1.QueryTimeSeriesResponse], run: func(ctx context.Context, requests [][]byte, answered func(proto.Message) error) error {
		request, err := parsed[telwerkv1.WatchTimeSeriesRequest](requests[0])
		if err != nil {
			return err
		}
		patience := telwerk.DefaultPatience
		if ms, err := strconv.Atoi(os.Getenv("TELWERK_PATIENCE_MS")); err == nil {
			patience = time.Duration(ms) * time.Millisecond
		}
		for answer, err := range client.Watch(ctx, request, patience) {
			if err != nil {
				return err
			}
			if err := answered(answer); err != nil {
				return err
			}
		}
		return nil
	}}
}

func exchange[Q, A any, PQ message[Q], PA message[A]](
	method func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Q, A], error),
) call {
	return call{answer: empty[A, PA], run: func(ctx context.Context, requests [][]byte, answered func(proto.Message) error) error {
		answers, err := method(ctx)
		if err != nil {
			return err
		}
		for _, text := range requests {
			request, err := parsed[Q, PQ](text)
			if err != nil {
				return err
			}
			if err := answers.Send((*Q)(request)); err != nil {
				return err
			}
		}
		if err := answers.CloseSend(); err != nil {
			return err
		}
		return each[A, PA](answers, answered)
	}}
}

// each reads to the end of a stream, or to where the reader has enough.
func each[A any, PA message[A]](answers interface{ Recv() (*A, error) }, answered func(proto.Message) error) error {
	for {
		answer, err := answers.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answered(PA(answer)); err != nil {
			return err
		}
	}
}

func empty[A any, PA message[A]]() proto.Message {
	return PA(new(A))
}

func parsed[Q any, PQ message[Q]](text []byte) (PQ, error) {
	request := PQ(new(Q))
	if err := protojson.Unmarshal(text, request); err != nil {
		return nil, fmt.Errorf("the scenario's request is no %T: %w", request, err)
	}
	return request, nil
}
