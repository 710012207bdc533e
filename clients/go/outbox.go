package telwerk

import (
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"telwerk.io/go/telwerkv1"
)

// outbox is what is to be sent and not yet answered: the part of an EventSender that neither waits nor sends.
//
// Nothing leaves but by an answer. A batch that failed is sent again with the same events and ids, so that nothing counts
// twice. A batch that the server refuses as a whole is halved until the event at fault stands alone. Not safe for
// goroutines by itself.
type outbox struct {
	limits Limits
	tally  Tally
	// lastError is the last error of a call.
	lastError error
	// stoppedBy is why nothing more can be sent: a key that is refused, say.
	stoppedBy error

	putCount     int
	heldCount    int
	heldBytes    int
	waiting      []waitingEvent
	waitingBytes int
	again        []*batch
	onTheWay     map[*batch]struct{}
	backoff      pauses
	notBefore    time.Time
}

type waitingEvent struct {
	event *telwerkv1.Event
	bytes int
	since time.Time
}

type batch struct {
	events []*telwerkv1.Event
	bytes  int
	// first is the place of its oldest event among all that were ever put, from 1.
	first int
}

// refusedEvent is one that the server will never take, and why.
type refusedEvent struct {
	event     *telwerkv1.Event
	rejection *telwerkv1.Rejection
}

// outcome is what became of a batch that was sent.
type outcome struct {
	accepted, duplicate int
	refused             []refusedEvent
	// again is what of it is still to be answered.
	again []*batch
	err   error
	// pause says that nothing was learnt: wait before the next batch.
	pause bool
	// final says that sending again cannot mend the error.
	final bool
}

// hasRoom says whether the event can be put. One that is larger than all the room can, while there is nothing else.
func (o *outbox) hasRoom(bytes int) bool {
	return o.heldCount == 0 || o.heldCount < o.limits.BufferEvents && o.heldBytes+bytes <= o.limits.BufferBytes
}

// put holds the event until it is answered; hasRoom was asked before.
func (o *outbox) put(event *telwerkv1.Event, bytes int, now time.Time) {
	o.waiting = append(o.waiting, waitingEvent{event, bytes, now})
	o.waitingBytes += bytes
	o.putCount++
	o.heldCount++
	o.heldBytes += bytes
}

// due says after how long there is a batch to take; false where nothing waits, or all has stopped.
func (o *outbox) due(now time.Time, hurry bool) (time.Duration, bool) {
	if o.stoppedBy != nil || len(o.again)+len(o.waiting) == 0 {
		return 0, false
	}
	due := o.notBefore
	if len(o.again) == 0 && !hurry && !o.fullBatch() {
		if linger := o.waiting[0].since.Add(o.limits.Linger); linger.After(due) {
			due = linger
		}
	}
	return max(0, due.Sub(now)), true
}

// take gives the next batch to send, if one is due; on its way from then on.
func (o *outbox) take(now time.Time, hurry bool) *batch {
	if wait, ok := o.due(now, hurry); !ok || wait > 0 {
		return nil
	}
	var taken *batch
	if len(o.again) > 0 {
		taken, o.again = o.again[0], o.again[1:]
	} else {
		taken = o.newBatch()
	}
	o.onTheWay[taken] = struct{}{}
	return taken
}

// settle says what became of a batch.
func (o *outbox) settle(sent *batch, what outcome, now time.Time) {
	delete(o.onTheWay, sent)
	o.again = append(append([]*batch{}, what.again...), o.again...)
	o.heldCount -= len(sent.events)
	o.heldBytes -= sent.bytes
	for _, rest := range what.again {
		o.heldCount += len(rest.events)
		o.heldBytes += rest.bytes
	}
	o.tally.Accepted += what.accepted
	o.tally.Duplicate += what.duplicate
	o.tally.Rejected += len(what.refused)
	if what.err != nil {
		o.lastError = what.err
	}
	if what.final {
		o.stoppedBy = what.err
	}
	if what.pause {
		o.notBefore = now.Add(o.backoff.failed(what.err))
	} else {
		o.backoff.reset()
	}
}

// settled says whether the first events that were ever put, so many, are all answered.
func (o *outbox) settled(number int) bool {
	for _, batch := range o.sent() {
		if batch.first <= number {
			return false
		}
	}
	return len(o.waiting) == 0 || o.putCount-len(o.waiting) >= number
}

// unanswered are all events that are held.
func (o *outbox) unanswered() []*telwerkv1.Event {
	var all []*telwerkv1.Event
	for _, batch := range o.sent() {
		all = append(all, batch.events...)
	}
	for _, waiting := range o.waiting {
		all = append(all, waiting.event)
	}
	return all
}

func (o *outbox) sent() []*batch {
	all := append([]*batch{}, o.again...)
	for batch := range o.onTheWay {
		all = append(all, batch)
	}
	return all
}

func (o *outbox) fullBatch() bool {
	return len(o.waiting) >= o.limits.BatchEvents || o.waitingBytes >= o.limits.BatchBytes
}

// newBatch is made of the oldest that wait; at least one, however large.
func (o *outbox) newBatch() *batch {
	made := &batch{first: o.putCount - len(o.waiting) + 1}
	for len(o.waiting) > 0 && len(made.events) < o.limits.BatchEvents {
		next := o.waiting[0]
		if len(made.events) > 0 && made.bytes+next.bytes > o.limits.BatchBytes {
			break
		}
		made.events = append(made.events, next.event)
		made.bytes += next.bytes
		// What is answered must not be kept by the array below the slice.
		o.waiting[0] = waitingEvent{}
		o.waiting = o.waiting[1:]
	}
	o.waitingBytes -= made.bytes
	return made
}

// errNoVerdicts says that the server answered, but said of no event what became of it.
var errNoVerdicts = errors.New("the server's answer has no verdicts")

// judge says what an answer, or an error in its place, means for a batch.
func judge(sent *batch, answer *telwerkv1.IngestEventsResponse, err error) outcome {
	if err == nil {
		return answered(sent, answer)
	}
	failure, ok := FromError(err)
	switch {
	case !ok:
		return outcome{again: []*batch{sent}, err: err, final: true}
	case failure.Transient():
		return outcome{again: []*batch{sent}, err: err, pause: true}
	case failure.Code == codes.ResourceExhausted || failure.Code == codes.InvalidArgument && !failure.ofAccount():
		return halved(sent, failure)
	default:
		return outcome{again: []*batch{sent}, err: err, final: true}
	}
}

// answered: only events with a verdict are; where there are fewer verdicts than events, the rest goes again.
func answered(sent *batch, answer *telwerkv1.IngestEventsResponse) outcome {
	verdicts := answer.GetVerdicts()[:min(len(answer.GetVerdicts()), len(sent.events))]
	if len(verdicts) == 0 {
		return outcome{again: []*batch{sent}, err: errNoVerdicts, pause: true}
	}
	rejections := map[int32]*telwerkv1.Rejection{}
	for _, rejection := range answer.GetRejections() {
		rejections[rejection.GetIndex()] = rejection
	}
	var made outcome
	for i, verdict := range verdicts {
		switch verdict {
		case telwerkv1.Verdict_VERDICT_ACCEPTED:
			made.accepted++
		case telwerkv1.Verdict_VERDICT_DUPLICATE:
			made.duplicate++
		case telwerkv1.Verdict_VERDICT_REJECTED:
			rejection := rejections[int32(i)]
			if rejection == nil {
				rejection = &telwerkv1.Rejection{Index: int32(i), EventId: sent.events[i].GetEventId()}
			}
			made.refused = append(made.refused, refusedEvent{sent.events[i], rejection})
		}
	}
	if rest := sent.events[len(verdicts):]; len(rest) > 0 {
		made.again = []*batch{part(sent, rest)}
	}
	return made
}

// halved: the server refuses the batch whatever its state; which event is to blame shows when it stands alone.
func halved(sent *batch, failure *Error) outcome {
	if middle := len(sent.events) / 2; middle > 0 {
		return outcome{again: []*batch{part(sent, sent.events[:middle]), part(sent, sent.events[middle:])}, err: failure}
	}
	event := sent.events[0]
	rejection := &telwerkv1.Rejection{EventId: event.GetEventId(), Reason: failure.Reason, Message: failure.Message}
	if rejection.Reason == "" && failure.Code == codes.ResourceExhausted {
		rejection.Reason = "LIMIT_EXCEEDED"
	} else if rejection.Reason == "" {
		rejection.Reason = "INVALID_REQUEST"
	}
	if len(failure.Violations) > 0 {
		rejection.Field = failure.Violations[0].Field
	}
	return outcome{refused: []refusedEvent{{event, rejection}}, err: failure}
}

func part(whole *batch, events []*telwerkv1.Event) *batch {
	made := &batch{events: events, first: whole.first}
	for _, event := range events {
		made.bytes += proto.Size(event)
	}
	return made
}

// ofAccount says that the account itself cannot be: no event is to blame.
func (e *Error) ofAccount() bool {
	for _, violation := range e.Violations {
		if violation.Field == "account_id" {
			return true
		}
	}
	return false
}
