package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"telwerk.io/go/events"
	"telwerk.io/go/telwerkv1"
)

// built is a call of a builder, as the scenario tells it.
type built struct {
	Kind             string      `json:"kind"`
	Conversation     string      `json:"conversation"`
	Widget           string      `json:"widget"`
	At               time.Time   `json:"at"`
	EventID          string      `json:"eventId"`
	Sequence         int64       `json:"sequence"`
	LiveLimitSeconds float64     `json:"liveLimitSeconds"`
	Sender           string      `json:"sender"`
	Operator         string      `json:"operator"`
	Group            string      `json:"group"`
	Stars            int32       `json:"stars"`
	Action           string      `json:"action"`
	URL              string      `json:"url"`
	Goal             string      `json:"goal"`
	Topics           []string    `json:"topics"`
	Answers          [][2]string `json:"answers"`
	RetractedEventID string      `json:"retractedEventId"`
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// event is what the builder makes of it.
func (b built) event() (*telwerkv1.Event, error) {
	e := events.Envelope{Conversation: b.Conversation, Widget: b.Widget, At: b.At, ID: b.EventID, Sequence: b.Sequence}
	var answers []events.Answer
	for _, pair := range b.Answers {
		answers = append(answers, events.Answer{Question: pair[0], Option: pair[1]})
	}
	switch b.Kind {
	case "went_live":
		return events.WentLive(e, time.Duration(b.LiveLimitSeconds*float64(time.Second))), nil
	case "left_live":
		return events.LeftLive(e), nil
	case "message_sent":
		if b.Operator != "" {
			return events.OperatorMessageSent(e, b.Operator), nil
		}
		sender := map[string]telwerkv1.Sender{
			"contact": telwerkv1.Sender_SENDER_CONTACT, "operator": telwerkv1.Sender_SENDER_OPERATOR, "bot": telwerkv1.Sender_SENDER_BOT,
		}
		return events.MessageSent(e, sender[b.Sender]), nil
	case "operator_assigned":
		return events.OperatorAssigned(e, b.Operator, b.Group), nil
	case "operator_unassigned":
		return events.OperatorUnassigned(e, b.Group), nil
	case "ended":
		return events.Ended(e), nil
	case "resumed":
		return events.Resumed(e), nil
	case "rated":
		return events.Rated(e, b.Stars), nil
	case "feedback_left":
		return events.FeedbackLeft(e), nil
	case "inactivity_action":
		return events.InactivityAction(e, telwerkv1.InactivityAction(telwerkv1.InactivityAction_value[b.Action])), nil
	case "page_visited":
		return events.PageVisited(e, b.URL), nil
	case "goal_reached":
		return events.GoalReached(e, b.Goal), nil
	case "topics_set":
		return events.TopicsSet(e, b.Topics...), nil
	case "pre_chat_survey_completed":
		return events.PreChatSurveyCompleted(e, answers...), nil
	case "post_chat_survey_answered":
		return events.PostChatSurveyAnswered(e, answers...), nil
	case "retracted":
		return events.Retracted(e, b.RetractedEventID), nil
	default:
		return nil, fmt.Errorf("there is no builder %q", b.Kind)
	}
}

// playBuild compares what the builders make. What has no id must have got one by chance.
func (p *player) playBuild(step step) error {
	for i, one := range step.Build {
		event, err := one.event()
		if err != nil {
			return err
		}
		got := asMap(event)
		if one.EventID == "" {
			if !uuid.MatchString(event.GetEventId()) {
				return fmt.Errorf("%q is no UUID by chance", event.GetEventId())
			}
			delete(got, "eventId")
		}
		var want map[string]any
		if err := json.Unmarshal(step.Events[i], &want); err != nil {
			return err
		}
		if !reflect.DeepEqual(want, got) {
			return fmt.Errorf("  expected %s\n  got      %s", asJSON(want), asJSON(got))
		}
	}
	return nil
}
