package telwerk_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	telwerk "telwerk.io/go"
	"telwerk.io/go/events"
)

func TestASenderLeavesNoGoroutineBehindAndAddEndsWithItsContext(t *testing.T) {
	client, err := telwerk.New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	limits := telwerk.Limits{BatchEvents: 1, BufferEvents: 1}
	sender, err := telwerk.NewEventSender(client, "acme", telwerk.SenderOptions{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	event := events.Rated(events.Envelope{Conversation: "chat-1", Widget: "web", At: time.Now()}, 5)
	if err := sender.Add(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := sender.Add(short, event); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Add without room gave %v", err)
	}
	blocked := make(chan error)
	go func() { blocked <- sender.Add(context.Background(), event) }()
	var left *telwerk.NotSentError
	if err := sender.Close(short); !errors.As(err, &left) || len(left.Events) != 1 || left.Events[0] != event {
		t.Errorf("Close gave %v", err)
	}
	if err := <-blocked; !errors.Is(err, telwerk.ErrSenderClosed) {
		t.Errorf("Add of a sender that was closed meanwhile gave %v", err)
	}
	stacks := make([]byte, 1<<20)
	if all := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(all, "EventSender).work") {
		t.Errorf("a goroutine is left:\n%s", all)
	}
}

func TestLimitsThatMakeNoSenseAreRefusedAtOnce(t *testing.T) {
	for _, limits := range []telwerk.Limits{
		{BatchEvents: -1}, {BatchBytes: -1}, {Linger: -1}, {BatchEvents: 100, BufferEvents: 99}, {BatchBytes: 100, BufferBytes: 99},
	} {
		if _, err := telwerk.NewEventSender(nil, "acme", telwerk.SenderOptions{Limits: limits}); err == nil {
			t.Errorf("%+v is taken", limits)
		}
	}
}
