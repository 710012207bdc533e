package telwerk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

var (
	refused = regexp.MustCompile(`connection refused`)
	unknown = regexp.MustCompile(`(?i)name resol|no such host|lookup `)
	badTLS  = regexp.MustCompile(`(?i)tls:|x509|certificate`)
	ended   = regexp.MustCompile(`(?i)handshake|server preface|frame too large|connection reset|EOF`)
	// broke is what grpc says only of a connection on which a server of gRPC had been heard.
	broke     = regexp.MustCompile(`error reading from server|closing transport|transport is closing|keepalive ping failed|draining`)
	tooOld    = regexp.MustCompile(`max[_ ](?:connection[_ ])?age`)
	lastError = regexp.MustCompile(`(?s)^.*(?:latest balancer error|last error): `)
	// localName is what is reserved for loopback (RFC 6761), and what the hosts files of Debian and Fedora have besides.
	localName  = regexp.MustCompile(`^(?:(?:.*\.)?localhost|ip6-(?:localhost|loopback)|localhost[46]?\.localdomain[46]?|localhost[46])$`)
	descOfDial = regexp.MustCompile(`^connection error: desc = "(.*)"$`)
)

// target is the server that a client calls: what its errors name.
type target struct {
	address string
	// proxy is what stands between, "" for nothing.
	proxy string
	tls   bool
	// answered is set by the first answer: that a connection ends says nothing of TLS any more.
	answered atomic.Bool
}

// targetOf finds the proxy as grpc does, in HTTPS_PROXY and NO_PROXY.
func targetOf(address string, tls bool) *target {
	found := &target{address: address, tls: tls}
	if areLoopback(address) {
		return found
	}
	host := address[strings.LastIndex(address, "/")+1:]
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
	if err == nil && proxy != nil {
		found.proxy = proxy.Redacted()
	}
	return found
}

// isLoopback says whether the address is one of this host itself, to which no proxy leads.
func isLoopback(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	if strings.HasPrefix(scheme, "unix") {
		return true
	}
	address = address[strings.LastIndex(address, "/")+1:]
	address = strings.TrimPrefix(strings.TrimPrefix(address, "ipv4:"), "dns:")
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(host)
	return localName.MatchString(name) || ip != nil && ip.IsLoopback()
}

// explained is the error of a call as an *Error; that no server can be reached is said in a sentence that helps.
func (t *target) explained(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	found, ok := FromError(err)
	if !ok {
		return err
	}
	if found.Reason != "" {
		t.answered.Store(true)
	} else if found.Code == codes.Unavailable {
		found.Message = t.unreachable(found.Message)
	}
	return found
}

// received is explained, of what was waited for from the server.
func (t *target) received(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		t.answered.Store(true)
	}
	return t.explained(err)
}

func (t *target) unreachable(text string) string {
	text = lastError.ReplaceAllString(text, "")
	if inner := descOfDial.FindStringSubmatch(text); inner != nil {
		text = inner[1]
	}
	where := t.address
	switch {
	case tooOld.MatchString(text):
		return fmt.Sprintf(
			"the connection to %s ended because of its age, which the server's connection_age_seconds bounds (%s): call again",
			where, text,
		)
	case broke.MatchString(text):
		return fmt.Sprintf("the connection to %s ended while a call was running (%s): call again", where, text)
	}
	if t.proxy != "" {
		return fmt.Sprintf("%s cannot be reached through the proxy %s, which HTTPS_PROXY names (%s)", where, t.proxy, text)
	}
	mayWantTLS := ended.MatchString(text) && !t.answered.Load()
	switch {
	case refused.MatchString(text):
		return fmt.Sprintf("no server listens at %s: is `telwerkd serve` running, and is the address right?", where)
	case unknown.MatchString(text):
		return fmt.Sprintf("the host of %s is not known: is the address right?", where)
	case t.tls && (badTLS.MatchString(text) || mayWantTLS):
		return fmt.Sprintf("no secure connection to %s (%s): is TLS on there, and is its certificate to be trusted?", where, text)
	case mayWantTLS:
		return fmt.Sprintf("the connection to %s ended before an answer (%s): does the server want TLS (WithTLS)?", where, text)
	default:
		return fmt.Sprintf("the server at %s cannot be reached (%s)", where, text)
	}
}

// unary is an interceptor; see explained.
func (t *target) unary(
	ctx context.Context, method string, request, reply any,
	connection *grpc.ClientConn, invoke grpc.UnaryInvoker, calls ...grpc.CallOption,
) error {
	return t.received(invoke(ctx, method, request, reply, connection, calls...))
}

// stream is an interceptor; see explained.
func (t *target) stream(
	ctx context.Context, desc *grpc.StreamDesc, connection *grpc.ClientConn, method string,
	open grpc.Streamer, calls ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, connection, method, calls...)
	if err != nil {
		return nil, t.explained(err)
	}
	return &explainedStream{stream, t}, nil
}

type explainedStream struct {
	grpc.ClientStream
	target *target
}

func (s *explainedStream) SendMsg(message any) error {
	return s.target.explained(s.ClientStream.SendMsg(message))
}

func (s *explainedStream) RecvMsg(message any) error {
	return s.target.received(s.ClientStream.RecvMsg(message))
}

func (s *explainedStream) CloseSend() error {
	return s.target.explained(s.ClientStream.CloseSend())
}
