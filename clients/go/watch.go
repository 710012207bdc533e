package telwerk

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"telwerk.io/go/telwerkv1"
)

// DefaultPatience is how long a watch waits for a server that went away.
const DefaultPatience = 60 * time.Second

// Watch is a time series that stays true: the whole answer now, and again whenever it has changed.
//
//	for answer, err := range client.Watch(ctx, request, telwerk.DefaultPatience) { ... }
//
// A watch that breaks is opened again by itself, and goes on with the answer as it is then. A server that answered before
// is waited for, up to the patience from when the connection was lost. It ends with the context, when its loop is left, or
// with an error, which comes last. Answers are not changed by later ones.
func (c *Client) Watch(
	ctx context.Context, request *telwerkv1.WatchTimeSeriesRequest, patience time.Duration,
) iter.Seq2[*telwerkv1.QueryTimeSeriesResponse, error] {
	return func(yield func(*telwerkv1.QueryTimeSeriesResponse, error) bool) {
		reopening := reopening{patience: patience}
		for {
			goesOn, err := c.watchOnce(ctx, request, &reopening, yield)
			if !goesOn {
				return
			}
			pause, err := reopening.pause(err, time.Now())
			if err != nil {
				yield(nil, err)
				return
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

// watchOnce reads one stream to its end, which nobody asked for (no error), or to where it breaks. False once the reader
// has left, or was told the last error.
func (c *Client) watchOnce(
	ctx context.Context, request *telwerkv1.WatchTimeSeriesRequest, reopening *reopening,
	yield func(*telwerkv1.QueryTimeSeriesResponse, error) bool,
) (bool, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Kpis.WatchTimeSeries(inner, request)
	watched := watched{sparse: request.GetQuery().GetSparse()}
	for err == nil {
		var update *telwerkv1.WatchTimeSeriesResponse
		if update, err = stream.Recv(); err == nil {
			reopening.answered()
			if !yield(watched.update(update), nil) {
				return false, nil
			}
		}
	}
	if ctx.Err() != nil {
		yield(nil, err)
		return false, nil
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return true, err
}

// reopening says whether, and after how long, a watch that broke is opened again.
type reopening struct {
	patience     time.Duration
	backoff      pauses
	everAnswered bool
	brokenAt     time.Time
}

func (r *reopening) answered() {
	r.everAnswered = true
	r.brokenAt = time.Time{}
	r.backoff.reset()
}

// pause is how long to wait after a break, or an end that nobody asked for (nil). The error is returned where opening
// again is of no use: it never worked, nothing would get better, or the server has been away for too long.
func (r *reopening) pause(err error, now time.Time) (time.Duration, error) {
	if failure, ok := FromError(err); err != nil && (!ok || !failure.Transient()) {
		return 0, err
	}
	if r.brokenAt.IsZero() {
		r.brokenAt = now
	}
	pause := r.backoff.failed(err)
	if err != nil && (!r.everAnswered || now.Add(pause).After(r.brokenAt.Add(r.patience))) {
		return 0, err
	}
	return pause, nil
}
