// Package events builds events, one function per kind, so that a producer reads as what happened.
//
//	chat := events.Envelope{Conversation: "chat-1", Widget: "web", At: nine}
//	sender.Add(ctx, events.OperatorAssigned(chat, "anna", "sales"))
//
// Nothing is checked here; the server does, and names the field.
package events

import (
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"telwerk.io/go/telwerkv1"
)

// Envelope is what every event carries beside its kind.
type Envelope struct {
	// Conversation is unique in its account.
	Conversation string
	// Widget is where it happened.
	Widget string
	// At is when it happened.
	At time.Time
	// ID is unique in the conversation, and best taken from the producer's own system (the id of the row, the message,
	// the webhook): then a producer that lost its memory may build the same events again, and nothing counts twice.
	// Empty, it is a random UUID: sending the same event again is harmless, building it again makes a second event.
	ID string
	// Sequence orders events of the same instant.
	Sequence int64
}

// Answer is a question of a survey and the option that was chosen, by id; never free text. A question with several
// chosen options has an Answer for each.
type Answer struct {
	Question string
	Option   string
}

// WentLive says that contact and operator are online at the same time. A liveLimit that is not zero replaces the limit
// of the widget's settings.
func WentLive(e Envelope, liveLimit time.Duration) *telwerkv1.Event {
	kind := &telwerkv1.WentLive{}
	if liveLimit != 0 {
		kind.LiveLimit = durationpb.New(liveLimit)
	}
	event := e.event()
	event.Kind = &telwerkv1.Event_WentLive{WentLive: kind}
	return event
}

// LeftLive says that contact and operator are no longer online at the same time.
func LeftLive(e Envelope) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_LeftLive{LeftLive: &telwerkv1.LeftLive{}}
	return event
}

// MessageSent says who sent a message; its text is not for Telwerk.
func MessageSent(e Envelope, sender telwerkv1.Sender) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_MessageSent{MessageSent: &telwerkv1.MessageSent{Sender: sender}}
	return event
}

// OperatorMessageSent is a message of an operator, and who wrote it, where that is known beside who is assigned.
func OperatorMessageSent(e Envelope, operator string) *telwerkv1.Event {
	event := MessageSent(e, telwerkv1.Sender_SENDER_OPERATOR)
	event.GetMessageSent().OperatorId = operator
	return event
}

// OperatorAssigned sets both, operator and group: an empty one becomes nobody. A bot is assigned as no operator.
func OperatorAssigned(e Envelope, operator, group string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_OperatorAssigned{
		OperatorAssigned: &telwerkv1.OperatorAssigned{OperatorId: operator, OperatorGroupId: group},
	}
	return event
}

// OperatorUnassigned says that nobody is responsible any more; the group stays if it is named.
func OperatorUnassigned(e Envelope, group string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_OperatorUnassigned{
		OperatorUnassigned: &telwerkv1.OperatorUnassigned{OperatorGroupId: group},
	}
	return event
}

// Ended says that the status became "Ended".
func Ended(e Envelope) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_ConversationEnded{ConversationEnded: &telwerkv1.ConversationEnded{}}
	return event
}

// Resumed says that the contact resumed an ended conversation.
func Resumed(e Envelope) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_ConversationResumed{ConversationResumed: &telwerkv1.ConversationResumed{}}
	return event
}

// Rated says that the contact gave 1 to 5 stars.
func Rated(e Envelope, stars int32) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_ConversationRated{ConversationRated: &telwerkv1.ConversationRated{Stars: stars}}
	return event
}

// FeedbackLeft says that the contact left feedback; its text is not for Telwerk.
func FeedbackLeft(e Envelope) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_FeedbackLeft{FeedbackLeft: &telwerkv1.FeedbackLeft{}}
	return event
}

// InactivityAction says that one of the eight inactivity actions fired or failed.
func InactivityAction(e Envelope, action telwerkv1.InactivityAction) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_InactivityActionPerformed{
		InactivityActionPerformed: &telwerkv1.InactivityActionPerformed{Action: action},
	}
	return event
}

// PageVisited says that the contact visited a page, which the server matches against the widget's goals.
func PageVisited(e Envelope, url string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_PageVisited{PageVisited: &telwerkv1.PageVisited{Url: url}}
	return event
}

// GoalReached says that the contact reached a goal, as the producer itself matched it.
func GoalReached(e Envelope, goal string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_GoalReached{GoalReached: &telwerkv1.GoalReached{GoalId: goal}}
	return event
}

// TopicsSet says that the conversation's topics are now exactly these; none takes the earlier ones back.
func TopicsSet(e Envelope, topics ...string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_TopicsSet{TopicsSet: &telwerkv1.TopicsSet{TopicIds: topics}}
	return event
}

// PreChatSurveyCompleted says that the contact completed the pre-chat survey.
func PreChatSurveyCompleted(e Envelope, answers ...Answer) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_PreChatSurveyCompleted{
		PreChatSurveyCompleted: &telwerkv1.PreChatSurveyCompleted{Answers: surveyAnswers(answers)},
	}
	return event
}

// PostChatSurveyAnswered says that the contact answered the post-chat survey.
func PostChatSurveyAnswered(e Envelope, answers ...Answer) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_PostChatSurveyAnswered{
		PostChatSurveyAnswered: &telwerkv1.PostChatSurveyAnswered{Answers: surveyAnswers(answers)},
	}
	return event
}

// Retracted takes another event of this conversation back: as if it had never been, whichever arrives first.
func Retracted(e Envelope, retractedEventID string) *telwerkv1.Event {
	event := e.event()
	event.Kind = &telwerkv1.Event_EventRetracted{
		EventRetracted: &telwerkv1.EventRetracted{RetractedEventId: retractedEventID},
	}
	return event
}

// event is the event, still without its kind.
func (e Envelope) event() *telwerkv1.Event {
	id := e.ID
	if id == "" {
		id = randomUUID()
	}
	return &telwerkv1.Event{
		EventId:        id,
		ConversationId: e.Conversation,
		WidgetId:       e.Widget,
		OccurTime:      timestamppb.New(e.At),
		Sequence:       e.Sequence,
	}
}

func surveyAnswers(answers []Answer) []*telwerkv1.SurveyAnswer {
	made := make([]*telwerkv1.SurveyAnswer, len(answers))
	for i, answer := range answers {
		made[i] = &telwerkv1.SurveyAnswer{QuestionId: answer.Question, OptionId: answer.Option}
	}
	return made
}

// randomUUID is a UUID of version 4 (RFC 9562).
func randomUUID() string {
	var bytes [16]byte
	// Never fails: crypto/rand ends the program rather than give bytes that are not random.
	_, _ = rand.Read(bytes[:])
	bytes[6] = bytes[6]&0x0f | 0x40
	bytes[8] = bytes[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bytes[:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:])
}
