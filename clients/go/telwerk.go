// Package telwerk is the Go client of Telwerk: it sends events of live chats, and reads exact KPIs.
//
//	client, err := telwerk.New("kpi.example:443", telwerk.WithTLS(nil), telwerk.WithAPIKey(key))
//	if err != nil { ... }
//	defer client.Close()
//	answer, err := client.Ingestion.IngestEvents(ctx, &telwerkv1.IngestEventsRequest{...})
//
// Requests and answers are the contract's own messages, in telwerk.io/go/telwerkv1, where every field is described.
// A call that goes wrong returns an *Error. EventSender sends events in the background, and package
// telwerk.io/go/events builds them.
package telwerk

import (
	"context"
	"crypto/tls"
	_ "embed"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"telwerk.io/go/telwerkv1"
)

// DefaultTimeout is how long a call takes at most whose context has no deadline. Streams have no such limit.
const DefaultTimeout = 30 * time.Second

const (
	// The largest answer that is taken. A call whose request is larger than the second is silently never retried;
	// grpc's default is 256 KiB.
	answerBytesMax      = 64 << 20
	retryBufferBytesMax = 64 << 20

	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second

	// By default grpc tries a server that is away less and less often, down to every two minutes.
	reconnectFirst    = 200 * time.Millisecond
	reconnectMax      = 5 * time.Second
	connectTimeout    = 20 * time.Second
	reconnectFactor   = 1.6
	reconnectByChance = 0.2
)

// Which calls are tried again, and when: the same file in every language.
//
//go:embed service_config.json
var serviceConfig string

// Client is a connection to a Telwerk server. Goroutines may share it. Nothing is sent before the first call, and a lost
// connection is made anew by itself. Where the server is not available a call is tried up to five times: every call of
// Telwerk is safe to repeat.
type Client struct {
	// Ingestion takes events in.
	Ingestion telwerkv1.IngestionServiceClient
	// Kpis reads.
	Kpis telwerkv1.KpiServiceClient
	// Settings keeps what Telwerk must know of widgets and accounts.
	Settings telwerkv1.SettingsServiceClient
	// Admin takes data out.
	Admin telwerkv1.AdminServiceClient

	connection *grpc.ClientConn
}

// Option changes how a client connects.
type Option func(*options)

type options struct {
	transport credentials.TransportCredentials
	tls       bool
	apiKey    string
	timeout   time.Duration
}

// WithTLS encrypts, and checks who the server is. Nil trusts the authorities of the system.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.transport, o.tls = credentials.NewTLS(config), true }
}

// WithAPIKey sends a key with every call. Without TLS anyone on the way can read it.
func WithAPIKey(key string) Option {
	return func(o *options) { o.apiKey = key }
}

// WithTimeout replaces DefaultTimeout.
func WithTimeout(timeout time.Duration) Option {
	return func(o *options) { o.timeout = timeout }
}

// New makes a client of the server at an address, "host:port". Without WithTLS it speaks plain text. Of several addresses,
// with commas between them, and of all that "dns:///name:port" leads to, calls go to all servers in turn, and to none that
// is away.
func New(address string, with ...Option) (*Client, error) {
	chosen := options{transport: insecure.NewCredentials(), timeout: DefaultTimeout}
	for _, option := range with {
		option(&chosen)
	}
	dialled, shared := balanced(address)
	connection, err := grpc.NewClient(dialled, append(chosen.dial(address), shared...)...)
	if err != nil {
		return nil, err
	}
	return &Client{
		Ingestion:  telwerkv1.NewIngestionServiceClient(connection),
		Kpis:       telwerkv1.NewKpiServiceClient(connection),
		Settings:   telwerkv1.NewSettingsServiceClient(connection),
		Admin:      telwerkv1.NewAdminServiceClient(connection),
		connection: connection,
	}, nil
}

// Close ends the connection, and with it every call still running.
func (c *Client) Close() error {
	return c.connection.Close()
}

func (o *options) dial(address string) []grpc.DialOption {
	target := targetOf(address, o.tls)
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(o.transport),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(answerBytesMax),
			grpc.MaxRetryRPCBufferSize(retryBufferBytesMax),
		),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: reconnectFirst, Multiplier: reconnectFactor, Jitter: reconnectByChance, MaxDelay: reconnectMax,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithChainUnaryInterceptor(target.unary, bounded(o.timeout)),
		grpc.WithChainStreamInterceptor(target.stream),
		grpc.WithUserAgent("telwerk-go"),
	}
	if areLoopback(address) {
		dial = append(dial, grpc.WithNoProxy())
	}
	if o.apiKey != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(o.apiKey)))
	}
	return dial
}

// bounded gives a call a deadline if it has none.
func bounded(timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any,
		connection *grpc.ClientConn, invoke grpc.UnaryInvoker, calls ...grpc.CallOption,
	) error {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		return invoke(ctx, method, request, reply, connection, calls...)
	}
}

// bearer is an API key as the credentials of every call.
type bearer string

func (key bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

// RequireTransportSecurity is false for networks that encrypt below: a sidecar on the same host, say.
func (key bearer) RequireTransportSecurity() bool {
	return false
}
