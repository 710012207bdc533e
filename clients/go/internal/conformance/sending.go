package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	telwerk "telwerk.io/go"
	"telwerk.io/go/telwerkv1"
)

// settings of a sender, as the scenario tells them.
type settings struct {
	BatchEvents  int    `json:"batchEvents"`
	BatchBytes   int    `json:"batchBytes"`
	LingerMs     int    `json:"lingerMs"`
	BufferEvents int    `json:"bufferEvents"`
	BufferBytes  int    `json:"bufferBytes"`
	WhenFull     string `json:"whenFull"`
	Calls        int    `json:"calls"`
}

type tally struct {
	Taken    int `json:"taken"`
	Rejected int `json:"rejected"`
}

type rejected struct {
	EventID string `json:"eventId"`
	Reason  string `json:"reason"`
	Field   string `json:"field"`
}

// sending is the one sender of a run, and what it was told.
type sending struct {
	sender *telwerk.EventSender
	mutex  sync.Mutex
	told   []rejected
}

func (s *sending) open(client *telwerk.Client, step step) error {
	options := telwerk.SenderOptions{
		Limits: telwerk.Limits{
			BatchEvents: step.Options.BatchEvents, BatchBytes: step.Options.BatchBytes,
			Linger:       time.Duration(step.Options.LingerMs) * time.Millisecond,
			BufferEvents: step.Options.BufferEvents, BufferBytes: step.Options.BufferBytes,
		},
		FailWhenFull: step.Options.WhenFull == "fail",
		Calls:        step.Options.Calls,
		OnRejected: func(event *telwerkv1.Event, rejection *telwerkv1.Rejection) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.told = append(s.told, rejected{event.GetEventId(), rejection.GetReason(), rejection.GetField()})
		},
	}
	var err error
	s.told = nil
	s.sender, err = telwerk.NewEventSender(client, step.AccountID, options)
	return err
}

// play does what the step says, and compares what the sender says of it.
func (s *sending) play(client *telwerk.Client, step step) error {
	timeout := streamTimeout
	if step.TimeoutMs > 0 {
		timeout = time.Duration(step.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var err error
	switch step.Sender {
	case "open":
		return s.open(client, step)
	case "add":
		err = s.add(ctx, step)
	case "flush":
		err = s.sender.Flush(ctx)
	case "close":
		if err := s.close(ctx, step); err != nil {
			return err
		}
	}
	if step.Error != nil {
		return compareSenderError(step.Error, err)
	}
	if err != nil {
		return err
	}
	return s.compare(step)
}

func (s *sending) add(ctx context.Context, step step) error {
	for _, one := range step.Build {
		event, err := one.event()
		if err != nil {
			return err
		}
		if err := s.sender.Add(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// close compares what it hands back.
func (s *sending) close(ctx context.Context, step step) error {
	unsent := []string{}
	err := s.sender.Close(ctx)
	var left *telwerk.NotSentError
	if errors.As(err, &left) {
		for _, event := range left.Events {
			unsent = append(unsent, event.GetEventId())
		}
	} else if err != nil {
		return err
	}
	slices.Sort(unsent)
	if !slices.Equal(unsent, step.Unsent) {
		return fmt.Errorf("  expected %v to be handed back\n  got      %v: %v", step.Unsent, unsent, err)
	}
	return nil
}

func (s *sending) compare(step step) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if step.Tally != nil {
		told := s.sender.Tally()
		if got := (tally{told.Accepted + told.Duplicate, told.Rejected}); got != *step.Tally {
			return fmt.Errorf("  expected %+v\n  got      %+v", *step.Tally, got)
		}
	}
	slices.SortFunc(s.told, func(one, other rejected) int { return strings.Compare(one.EventID, other.EventID) })
	if step.Rejected != nil && !reflect.DeepEqual(step.Rejected, s.told) {
		return fmt.Errorf("  expected %v\n  got      %v", step.Rejected, s.told)
	}
	return nil
}

func compareSenderError(expected *failure, err error) error {
	for known, code := range map[error]string{telwerk.ErrBufferFull: "BUFFER_FULL", telwerk.ErrSenderClosed: "CLOSED"} {
		if errors.Is(err, known) && expected.Code == code {
			return nil
		}
	}
	if expected.Code == "BUFFER_FULL" || expected.Code == "CLOSED" {
		return fmt.Errorf("expected %s, got %v", expected.Code, err)
	}
	return compareError(expected, err)
}
