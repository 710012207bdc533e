package io.telwerk.client;

import com.google.protobuf.Timestamp;
import io.telwerk.v1.ConversationEnded;
import io.telwerk.v1.ConversationRated;
import io.telwerk.v1.ConversationResumed;
import io.telwerk.v1.Event;
import io.telwerk.v1.EventRetracted;
import io.telwerk.v1.FeedbackLeft;
import io.telwerk.v1.GoalReached;
import io.telwerk.v1.InactivityAction;
import io.telwerk.v1.InactivityActionPerformed;
import io.telwerk.v1.LeftLive;
import io.telwerk.v1.MessageSent;
import io.telwerk.v1.OperatorAssigned;
import io.telwerk.v1.OperatorUnassigned;
import io.telwerk.v1.PageVisited;
import io.telwerk.v1.PostChatSurveyAnswered;
import io.telwerk.v1.PreChatSurveyCompleted;
import io.telwerk.v1.Sender;
import io.telwerk.v1.SurveyAnswer;
import io.telwerk.v1.TopicsSet;
import io.telwerk.v1.WentLive;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;

/**
 * Builds events, one method per kind, so that a producer reads as what happened.
 *
 * <pre>{@code
 * sender.add(Events.in("chat-1", "web", nine).operatorAssigned("anna", "sales"));
 * sender.add(Events.in("chat-1", "web", tenPast).eventId("2").rated(5));
 * }</pre>
 *
 * <p>Nothing is checked here; the server does, and names the field. Immutable.
 */
public final class Events {
  private final String conversation;
  private final String widget;
  private final Instant at;
  private final String eventId;
  private final long sequence;

  private Events(String conversation, String widget, Instant at, String eventId, long sequence) {
    this.conversation = Objects.requireNonNull(conversation);
    this.widget = Objects.requireNonNull(widget);
    this.at = Objects.requireNonNull(at);
    this.eventId = Objects.requireNonNull(eventId);
    this.sequence = sequence;
  }

  /** A question of a survey and the option that was chosen, by id; never free text. */
  public record Answer(String question, String option) {}

  /** Something that happened in a conversation, on a widget, at an instant. */
  public static Events in(String conversation, String widget, Instant at) {
    return new Events(conversation, widget, at, "", 0);
  }

  /**
   * Names the event, uniquely in the conversation; best taken from the producer's own system (the id of the row, the
   * message, the webhook): then a producer that lost its memory may build the same events again, and nothing counts
   * twice. Without it, it is a random UUID: sending the same event again is harmless, building it again makes a second.
   */
  public Events eventId(String eventId) {
    return new Events(conversation, widget, at, eventId, sequence);
  }

  /** Orders events of the same instant. */
  public Events sequence(long sequence) {
    return new Events(conversation, widget, at, eventId, sequence);
  }

  /** Contact and operator are online at the same time. */
  public Event wentLive() {
    return event().setWentLive(WentLive.getDefaultInstance()).build();
  }

  /** The same, with a limit that replaces the one of the widget's settings. */
  public Event wentLive(Duration liveLimit) {
    com.google.protobuf.Duration limit =
        com.google.protobuf.Duration.newBuilder()
            .setSeconds(liveLimit.getSeconds())
            .setNanos(liveLimit.getNano())
            .build();
    return event().setWentLive(WentLive.newBuilder().setLiveLimit(limit)).build();
  }

  /** They no longer are. */
  public Event leftLive() {
    return event().setLeftLive(LeftLive.getDefaultInstance()).build();
  }

  /** Someone sent a message; its text is not for Telwerk. */
  public Event messageSent(Sender sender) {
    return event().setMessageSent(MessageSent.newBuilder().setSender(sender)).build();
  }

  /** An operator sent a message, and this one wrote it, where that is known beside who is assigned. */
  public Event operatorMessageSent(String operator) {
    MessageSent kind = MessageSent.newBuilder().setSender(Sender.SENDER_OPERATOR).setOperatorId(operator).build();
    return event().setMessageSent(kind).build();
  }

  /** Operator and group are now these, both: an empty one becomes nobody. A bot is assigned as no operator. */
  public Event operatorAssigned(String operator, String group) {
    OperatorAssigned kind = OperatorAssigned.newBuilder().setOperatorId(operator).setOperatorGroupId(group).build();
    return event().setOperatorAssigned(kind).build();
  }

  /** Nobody is responsible any more; the group stays if it is named. */
  public Event operatorUnassigned(String group) {
    return event().setOperatorUnassigned(OperatorUnassigned.newBuilder().setOperatorGroupId(group)).build();
  }

  /** The status became "Ended". */
  public Event ended() {
    return event().setConversationEnded(ConversationEnded.getDefaultInstance()).build();
  }

  /** The contact resumed an ended conversation. */
  public Event resumed() {
    return event().setConversationResumed(ConversationResumed.getDefaultInstance()).build();
  }

  /** The contact gave 1 to 5 stars. */
  public Event rated(int stars) {
    return event().setConversationRated(ConversationRated.newBuilder().setStars(stars)).build();
  }

  /** The contact left feedback; its text is not for Telwerk. */
  public Event feedbackLeft() {
    return event().setFeedbackLeft(FeedbackLeft.getDefaultInstance()).build();
  }

  /** One of the eight inactivity actions fired or failed. */
  public Event inactivityAction(InactivityAction action) {
    return event().setInactivityActionPerformed(InactivityActionPerformed.newBuilder().setAction(action)).build();
  }

  /** The contact visited a page, which the server matches against the widget's goals. */
  public Event pageVisited(String url) {
    return event().setPageVisited(PageVisited.newBuilder().setUrl(url)).build();
  }

  /** The contact reached a goal, as the producer itself matched it. */
  public Event goalReached(String goal) {
    return event().setGoalReached(GoalReached.newBuilder().setGoalId(goal)).build();
  }

  /** The conversation's topics are now exactly these; none takes the earlier ones back. */
  public Event topicsSet(Iterable<String> topics) {
    return event().setTopicsSet(TopicsSet.newBuilder().addAllTopicIds(topics)).build();
  }

  /** The contact completed the pre-chat survey. A question with several chosen options has an answer for each. */
  public Event preChatSurveyCompleted(List<Answer> answers) {
    PreChatSurveyCompleted kind = PreChatSurveyCompleted.newBuilder().addAllAnswers(surveyAnswers(answers)).build();
    return event().setPreChatSurveyCompleted(kind).build();
  }

  /** The contact answered the post-chat survey. A question with several chosen options has an answer for each. */
  public Event postChatSurveyAnswered(List<Answer> answers) {
    PostChatSurveyAnswered kind = PostChatSurveyAnswered.newBuilder().addAllAnswers(surveyAnswers(answers)).build();
    return event().setPostChatSurveyAnswered(kind).build();
  }

  /** Another event of this conversation is taken back: as if it had never been, whichever arrives first. */
  public Event retracted(String retractedEventId) {
    return event().setEventRetracted(EventRetracted.newBuilder().setRetractedEventId(retractedEventId)).build();
  }

  private Event.Builder event() {
    return Event.newBuilder()
        .setEventId(eventId.isEmpty() ? UUID.randomUUID().toString() : eventId)
        .setConversationId(conversation)
        .setWidgetId(widget)
        .setOccurTime(Timestamp.newBuilder().setSeconds(at.getEpochSecond()).setNanos(at.getNano()))
        .setSequence(sequence);
  }

  private static List<SurveyAnswer> surveyAnswers(List<Answer> answers) {
    return answers.stream()
        .map(told -> SurveyAnswer.newBuilder().setQuestionId(told.question()).setOptionId(told.option()).build())
        .toList();
  }
}
