package io.telwerk.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.telwerk.client.Events;
import io.telwerk.v1.Event;
import io.telwerk.v1.InactivityAction;
import io.telwerk.v1.Sender;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/** Events as the builders make them, from what a scenario tells. */
final class Building {
  private static final Pattern UUID =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");

  private Building() {}

  /** The event. */
  static Event event(JsonObject told) {
    Events in =
        Events.in(text(told, "conversation"), text(told, "widget"), Instant.parse(text(told, "at")))
            .eventId(text(told, "eventId"))
            .sequence(told.has("sequence") ? told.get("sequence").getAsLong() : 0);
    return switch (text(told, "kind")) {
      case "went_live" -> told.has("liveLimitSeconds")
          ? in.wentLive(Duration.ofMillis((long) (told.get("liveLimitSeconds").getAsDouble() * 1_000)))
          : in.wentLive();
      case "left_live" -> in.leftLive();
      case "message_sent" -> told.has("operator")
          ? in.operatorMessageSent(text(told, "operator"))
          : in.messageSent(Sender.valueOf("SENDER_" + text(told, "sender").toUpperCase(Locale.ROOT)));
      case "operator_assigned" -> in.operatorAssigned(text(told, "operator"), text(told, "group"));
      case "operator_unassigned" -> in.operatorUnassigned(text(told, "group"));
      case "ended" -> in.ended();
      case "resumed" -> in.resumed();
      case "rated" -> in.rated(told.get("stars").getAsInt());
      case "feedback_left" -> in.feedbackLeft();
      case "inactivity_action" -> in.inactivityAction(InactivityAction.valueOf(text(told, "action")));
      case "page_visited" -> in.pageVisited(text(told, "url"));
      case "goal_reached" -> in.goalReached(text(told, "goal"));
      case "topics_set" -> in.topicsSet(all(told.getAsJsonArray("topics")).map(JsonElement::getAsString).toList());
      case "pre_chat_survey_completed" -> in.preChatSurveyCompleted(answers(told));
      case "post_chat_survey_answered" -> in.postChatSurveyAnswered(answers(told));
      case "retracted" -> in.retracted(text(told, "retractedEventId"));
      default -> throw new IllegalArgumentException("there is no builder " + told);
    };
  }

  /** Says what the builders make other than told; null for nothing. What has no id must have got one by chance. */
  static String difference(List<JsonObject> build, List<JsonObject> expected) throws InvalidProtocolBufferException {
    for (int i = 0; i < build.size(); i++) {
      JsonObject got = JsonParser.parseString(JsonFormat.printer().print(event(build.get(i)))).getAsJsonObject();
      if (!build.get(i).has("eventId") && !UUID.matcher(got.remove("eventId").getAsString()).matches()) {
        return "the event's id is no UUID by chance";
      }
      if (!got.equals(expected.get(i))) {
        return "  expected " + expected.get(i) + "\n  got      " + got;
      }
    }
    return null;
  }

  private static String text(JsonObject told, String name) {
    return told.has(name) ? told.get(name).getAsString() : "";
  }

  private static java.util.stream.Stream<JsonElement> all(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  private static List<Events.Answer> answers(JsonObject told) {
    return all(told.getAsJsonArray("answers"))
        .map(JsonElement::getAsJsonArray)
        .map(pair -> new Events.Answer(pair.get(0).getAsString(), pair.get(1).getAsString()))
        .toList();
  }
}
