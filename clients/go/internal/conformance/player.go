package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	telwerk "telwerk.io/go"
)

const (
	streamTimeout     = 60 * time.Second
	eventuallyTimeout = 60 * time.Second
	eventuallyPause   = 100 * time.Millisecond
)

type scenario struct {
	Volatile []string                   `json:"volatile"`
	Let      map[string]json.RawMessage `json:"let"`
	Steps    []step                     `json:"steps"`
}

type step struct {
	Name       string            `json:"name"`
	Call       string            `json:"call"`
	Request    json.RawMessage   `json:"request"`
	Requests   []json.RawMessage `json:"requests"`
	Response   json.RawMessage   `json:"response"`
	Responses  []json.RawMessage `json:"responses"`
	Between    []step            `json:"between"`
	Error      *failure          `json:"error"`
	Save       map[string]string `json:"save"`
	Eventually bool              `json:"eventually"`
	TimeoutMs  int               `json:"timeoutMs"`
	// Of builders.
	Build  []built           `json:"build"`
	Events []json.RawMessage `json:"events"`
	// Of a sender.
	Sender    string     `json:"sender"`
	AccountID string     `json:"accountId"`
	Options   settings   `json:"options"`
	Tally     *tally     `json:"tally"`
	Rejected  []rejected `json:"rejected"`
	Unsent    []string   `json:"unsent"`
	// Of the one who plays.
	Pause string `json:"pause"`
}

type failure struct {
	Code   string   `json:"code"`
	Reason string   `json:"reason"`
	Fields []string `json:"fields"`
	Says   []string `json:"says"`
}

// enough ends a stream that would go on.
var enough = errors.New("enough")

type player struct {
	client   *telwerk.Client
	sending  sending
	calls    map[string]call
	volatile []string
	named    map[string]json.RawMessage
}

func (p *player) playAll(steps []step) bool {
	ok := true
	for _, step := range steps {
		if err := p.playUntilRight(step); err != nil {
			fmt.Printf("FAILED %s\n%s\n", step.Name, err)
			ok = false
		} else {
			fmt.Printf("ok %s\n", step.Name)
		}
	}
	return ok
}

// playUntilRight plays a step once, or again and again where it says that it holds eventually.
func (p *player) playUntilRight(step step) error {
	for end := time.Now().Add(eventuallyTimeout); ; time.Sleep(eventuallyPause) {
		err := p.play(step)
		if err == nil || !step.Eventually || time.Now().After(end) {
			return err
		}
	}
}

func (p *player) play(step step) error {
	switch {
	case step.Pause != "":
		return pause(step.Pause)
	case step.Sender != "":
		return p.sending.play(p.client, step)
	case step.Build != nil:
		return p.playBuild(step)
	default:
		return p.playCall(step)
	}
}

// pause asks the one who plays to do something, and waits for a line that says that it is done.
func pause(what string) error {
	fmt.Printf("pause %s\n", what)
	var done string
	_, err := fmt.Scanln(&done)
	return err
}

func (p *player) playCall(step step) error {
	call, ok := p.calls[step.Call]
	if !ok {
		return fmt.Errorf("there is no call %q", step.Call)
	}
	ctx, cancel := contextOf(step)
	defer cancel()
	expected := listed(step.Response, step.Responses)
	seen := 0
	err := call.run(ctx, p.requests(step), func(answer proto.Message) error {
		if seen == len(expected) {
			return fmt.Errorf("one answer too many: %v", answer)
		}
		if err := p.compare(call.answer(), expected[seen], answer, step.Save); err != nil {
			return err
		}
		seen++
		if step.Between == nil {
			return nil
		}
		if seen == len(expected) {
			return enough
		}
		if !p.playAll(step.Between) {
			return errors.New("what happens between the answers went wrong")
		}
		return nil
	})
	if step.Error != nil {
		return compareError(step.Error, err)
	}
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	if seen != len(expected) {
		return fmt.Errorf("%d answers came of %d", seen, len(expected))
	}
	return nil
}

func contextOf(step step) (context.Context, context.CancelFunc) {
	switch {
	case step.TimeoutMs > 0:
		return context.WithTimeout(context.Background(), time.Duration(step.TimeoutMs)*time.Millisecond)
	case step.Responses != nil:
		return context.WithTimeout(context.Background(), streamTimeout)
	default:
		// The client's own deadline holds.
		return context.WithCancel(context.Background())
	}
}

func listed(one json.RawMessage, several []json.RawMessage) []json.RawMessage {
	if one != nil {
		return []json.RawMessage{one}
	}
	return several
}

// requests are the step's, with what has a name in the place of it.
func (p *player) requests(step step) [][]byte {
	var all [][]byte
	for _, request := range listed(step.Request, step.Requests) {
		text := []byte(request)
		for name, value := range p.named {
			text = bytes.ReplaceAll(text, []byte(`"$`+name+`"`), value)
		}
		all = append(all, text)
	}
	return all
}

func (p *player) compare(empty proto.Message, expected json.RawMessage, answer proto.Message, save map[string]string) error {
	if err := protojson.Unmarshal(expected, empty); err != nil {
		return fmt.Errorf("the scenario's response is no %T: %w", empty, err)
	}
	want, got := asMap(empty), asMap(answer)
	for name, field := range save {
		value, ok := got[field]
		if !ok {
			return fmt.Errorf("there is no %s to save", field)
		}
		p.named[name] = []byte(asJSON(value))
		delete(got, field)
	}
	want, got = p.lasting(want).(map[string]any), p.lasting(got).(map[string]any)
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("  expected %s\n  got      %s", asJSON(want), asJSON(got))
	}
	return nil
}

// asMap is the message's JSON, in which alone every language has the same.
func asMap(message proto.Message) map[string]any {
	text, err := protojson.Marshal(message)
	if err != nil {
		panic(err)
	}
	var read map[string]any
	if err := json.Unmarshal(text, &read); err != nil {
		panic(err)
	}
	return read
}

func asJSON(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// lasting is the JSON without what differs from run to run.
func (p *player) lasting(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, inner := range value {
			if !slices.Contains(p.volatile, name) {
				kept[name] = p.lasting(inner)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(value))
		for i, inner := range value {
			kept[i] = p.lasting(inner)
		}
		return kept
	default:
		return value
	}
}

func compareError(expected *failure, err error) error {
	var found *telwerk.Error
	if !errors.As(err, &found) {
		return fmt.Errorf("expected %v, got %v", *expected, err)
	}
	fields := []string{}
	for _, violation := range found.Violations {
		fields = append(fields, violation.Field)
	}
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + expected.Code + `"`)); err != nil {
		return err
	}
	if found.Code != code || found.Reason != expected.Reason || !slices.Equal(fields, expected.Fields) {
		return fmt.Errorf("  expected %v\n  got      %v", *expected, failure{found.Code.String(), found.Reason, fields, nil})
	}
	for _, said := range expected.Says {
		if !strings.Contains(found.Error(), said) {
			return fmt.Errorf("  expected %q\n  in       %q", said, found.Error())
		}
	}
	return nil
}
