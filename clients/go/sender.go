package telwerk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"

	"telwerk.io/go/telwerkv1"
)

var (
	// ErrBufferFull says that there is no room for the event, and the sender was told not to wait. The event was not
	// taken: add it again.
	ErrBufferFull = errors.New("telwerk: the sender has no room for another event (BufferEvents, BufferBytes)")
	// ErrSenderClosed says that the sender was closed.
	ErrSenderClosed = errors.New("telwerk: the sender is closed")
)

// NotSentError says that a sender was closed before everything was answered.
type NotSentError struct {
	// Events are those that are not known to be stored; sending them again, with their ids, counts nothing twice.
	Events []*telwerkv1.Event
	cause  error
}

// Error is a sentence for people.
func (e *NotSentError) Error() string {
	text := fmt.Sprintf("telwerk: %d events are not known to be stored: Events has them, to be sent again", len(e.Events))
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the last error of a call, if there was one.
func (e *NotSentError) Unwrap() error {
	return e.cause
}

// Limits are how a sender batches, and how much it holds. Of zero fields the default holds.
type Limits struct {
	// BatchEvents and BatchBytes: a batch goes as soon as it has so many events, or bytes. Defaults: 1,000 and 1 MiB.
	BatchEvents, BatchBytes int
	// Linger: or as soon as its first event has waited for so long. Default: 200 ms.
	Linger time.Duration
	// BufferEvents and BufferBytes: of events that are not answered yet there are never more, in number, or about so many
	// bytes. Defaults: 20,000 and 16 MiB.
	BufferEvents, BufferBytes int
}

// SenderOptions change how a sender works. Of zero fields the default holds.
type SenderOptions struct {
	Limits Limits
	// FailWhenFull: without room Add fails with ErrBufferFull rather than wait for it.
	FailWhenFull bool
	// OnRejected is told of each event that the server will never take, and why; by default it is logged. It is called in
	// a goroutine of the sender, which waits for it: it must not call Flush, Close, or Add in turn.
	OnRejected func(*telwerkv1.Event, *telwerkv1.Rejection)
	// Calls are how many batches are on their way at once, at most. Default: 2.
	Calls int
	// CloseTimeout is how long Close goes on sending whose context has no deadline. Default: 30 s.
	CloseTimeout time.Duration
}

// Tally is what became of the events so far.
type Tally struct {
	Accepted, Duplicate, Rejected int
}

// EventSender holds the events of one account, sends them in batches, and keeps on until each is answered. Goroutines may
// share it.
//
//   - Batches go by size and by time, see Limits.
//   - A server that is away, slow or restarted, or that asks to wait because a quota is used up, is waited for. The same
//     events are sent again with the same ids, so that nothing is lost and nothing counts twice.
//   - Memory is bounded. Without room, Add waits for it, or fails with ErrBufferFull.
//   - An event that the server refuses is told to OnRejected.
//   - What sending again cannot mend (a wrong or expired key, an impossible account, a closed client) stops the sender: Add
//     and Flush return the error, and Close hands back what was not sent.
//   - Close sends what is left. A program must call it: what a sender holds when the program ends is lost.
//
// An event must not be changed after it was added.
type EventSender struct {
	client  *Client
	account string
	options SenderOptions
	cancel  context.CancelFunc
	workers sync.WaitGroup
	ended   chan struct{}

	mutex    sync.Mutex
	outbox   outbox
	changed  chan struct{}
	flushing int
	closing  bool
}

// NewEventSender makes a sender for the events of an account.
func NewEventSender(client *Client, account string, options SenderOptions) (*EventSender, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	sender := &EventSender{
		client: client, account: account, options: options, cancel: cancel,
		ended: make(chan struct{}), changed: make(chan struct{}),
		outbox: outbox{limits: options.Limits, onTheWay: map[*batch]struct{}{}},
	}
	for range options.Calls {
		sender.workers.Go(func() { sender.work(ctx) })
	}
	return sender, nil
}

// Add takes the event, to be sent soon; it waits for room until the context is done.
func (s *EventSender) Add(ctx context.Context, event *telwerkv1.Event) error {
	size := proto.Size(event)
	for {
		taken, changed, err := s.tryAdd(event, size)
		if taken || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Flush sends all that was added before, without waiting for more, and returns once all of it is answered. Nothing is
// lost if the context is done before: sending goes on.
func (s *EventSender) Flush(ctx context.Context) error {
	s.mutex.Lock()
	number := s.outbox.putCount
	s.flushing++
	s.notify()
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		s.flushing--
		s.mutex.Unlock()
	}()
	for {
		s.mutex.Lock()
		settled, stoppedBy, changed := s.outbox.settled(number), s.outbox.stoppedBy, s.changed
		s.mutex.Unlock()
		if settled || stoppedBy != nil {
			if settled {
				return nil
			}
			return stoppedBy
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close takes nothing more, sends all that is left until the context is done, and ends the sender's goroutines; a call
// that is still on its way then is cancelled. The error is a *NotSentError if not everything was answered. Called again,
// it waits for the first call's end and returns nil.
func (s *EventSender) Close(ctx context.Context) error {
	s.mutex.Lock()
	first := !s.closing
	s.closing = true
	s.notify()
	s.mutex.Unlock()
	if !first {
		<-s.ended
		return nil
	}
	defer close(s.ended)
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.options.CloseTimeout)
		defer cancel()
	}
	// What went wrong is the cause of the error below.
	_ = s.Flush(ctx)
	s.cancel()
	s.workers.Wait()
	if left := s.outbox.unanswered(); len(left) > 0 {
		return &NotSentError{left, s.outbox.lastError}
	}
	return nil
}

// Tally counts what became of the events so far.
func (s *EventSender) Tally() Tally {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.outbox.tally
}

// HeldCount is the number of events that are not answered yet.
func (s *EventSender) HeldCount() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.outbox.heldCount
}

func (s *EventSender) tryAdd(event *telwerkv1.Event, size int) (bool, <-chan struct{}, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case s.closing:
		return false, nil, ErrSenderClosed
	case s.outbox.stoppedBy != nil:
		return false, nil, s.outbox.stoppedBy
	case s.outbox.hasRoom(size):
		s.outbox.put(event, size, time.Now())
		// Between the first event of a batch and its last nothing is due sooner.
		if len(s.outbox.waiting) == 1 || s.outbox.fullBatch() {
			s.notify()
		}
		return true, nil, nil
	case s.options.FailWhenFull:
		return false, nil, ErrBufferFull
	default:
		return false, s.changed, nil
	}
}

func (s *EventSender) work(ctx context.Context) {
	for {
		sent := s.next(ctx)
		if sent == nil {
			return
		}
		answer, err := s.client.Ingestion.IngestEvents(
			ctx, &telwerkv1.IngestEventsRequest{AccountId: s.account, Events: sent.events})
		if err != nil && ctx.Err() != nil {
			// The sender was closed: it stays unanswered.
			return
		}
		what := judge(sent, answer, err)
		if err != nil && s.client.connection.GetState() == connectivity.Shutdown {
			what = outcome{again: []*batch{sent}, err: err, final: true}
		}
		// Before the batch is settled, so that after a flush everything was told.
		for _, refused := range what.refused {
			s.options.OnRejected(refused.event, refused.rejection)
		}
		s.mutex.Lock()
		s.outbox.settle(sent, what, time.Now())
		s.notify()
		s.mutex.Unlock()
	}
}

// next waits for the next batch; nil once the sender is closed.
func (s *EventSender) next(ctx context.Context) *batch {
	for ctx.Err() == nil {
		s.mutex.Lock()
		now, hurry := time.Now(), s.flushing > 0
		if taken := s.outbox.take(now, hurry); taken != nil {
			s.mutex.Unlock()
			return taken
		}
		wait, due := s.outbox.due(now, hurry)
		changed := s.changed
		s.mutex.Unlock()
		var timer <-chan time.Time
		if due {
			timer = time.After(wait)
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
		}
	}
	return nil
}

// notify wakes all that wait for a change; the mutex is held.
func (s *EventSender) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// complete fills in the defaults.
func (o *SenderOptions) complete() error {
	limits := &o.Limits
	for _, field := range []struct {
		value *int
		unset int
	}{
		{&limits.BatchEvents, 1_000}, {&limits.BatchBytes, 1 << 20},
		{&limits.BufferEvents, 20_000}, {&limits.BufferBytes, 1 << 24}, {&o.Calls, 2},
	} {
		if *field.value == 0 {
			*field.value = field.unset
		}
	}
	if limits.Linger == 0 {
		limits.Linger = 200 * time.Millisecond
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = 30 * time.Second
	}
	if o.OnRejected == nil {
		o.OnRejected = logRejection
	}
	if min(limits.BatchEvents, limits.BatchBytes, o.Calls) < 1 || min(limits.Linger, o.CloseTimeout) < 0 {
		return errors.New("telwerk: BatchEvents, BatchBytes and Calls are at least 1, and Linger is not negative")
	}
	if limits.BufferEvents < limits.BatchEvents || limits.BufferBytes < limits.BatchBytes {
		return errors.New("telwerk: BufferEvents and BufferBytes have room for a batch at least")
	}
	return nil
}

func logRejection(event *telwerkv1.Event, rejection *telwerkv1.Rejection) {
	slog.Warn("telwerk: an event is refused", "event", event.GetEventId(), "conversation", event.GetConversationId(),
		"reason", rejection.GetReason(), "message", rejection.GetMessage())
}
