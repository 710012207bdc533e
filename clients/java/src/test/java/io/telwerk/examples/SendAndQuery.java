package io.telwerk.examples;

import com.google.protobuf.util.Timestamps;
import io.grpc.StatusRuntimeException;
import io.telwerk.client.Telwerk;
import io.telwerk.client.TelwerkError;
import io.telwerk.v1.CalendarDate;
import io.telwerk.v1.ConversationRated;
import io.telwerk.v1.DateRange;
import io.telwerk.v1.Event;
import io.telwerk.v1.IngestEventsRequest;
import io.telwerk.v1.IngestEventsResponse;
import io.telwerk.v1.OperatorAssigned;
import io.telwerk.v1.QueryTotalsRequest;
import io.telwerk.v1.TimeRange;
import java.time.Instant;
import java.util.Locale;

/** Sends what happened in a chat, and asks for its rating. */
public final class SendAndQuery {

  private SendAndQuery() {}

  public static void main(String[] arguments) {
    String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
    try (Telwerk telwerk = Telwerk.builder(address).build()) {
      send(telwerk);
      query(telwerk);
    } catch (StatusRuntimeException thrown) {
      TelwerkError error = TelwerkError.of(thrown);
      System.err.println("refused: " + error.reason() + " " + error.message());
      System.exit(1);
    }
  }

  private static void send(Telwerk telwerk) {
    // Event ids come from the chat platform, where they are unique in the conversation: sent again, they count once.
    Event assigned =
        event("1", "2026-01-05T09:00:00Z")
            .setOperatorAssigned(OperatorAssigned.newBuilder().setOperatorId("anna").setOperatorGroupId("sales"))
            .build();
    Event rated =
        event("2", "2026-01-05T09:10:00Z").setConversationRated(ConversationRated.newBuilder().setStars(5)).build();
    IngestEventsResponse answer =
        telwerk
            .ingestion()
            .ingestEvents(
                IngestEventsRequest.newBuilder().setAccountId("acme").addEvents(assigned).addEvents(rated).build());
    answer
        .getRejectionsList()
        .forEach(rejected -> System.err.println("event " + rejected.getEventId() + ": " + rejected.getMessage()));
    System.out.println(answer.getAcceptedCount() + " accepted, " + answer.getDuplicateCount() + " there already");
  }

  private static Event.Builder event(String id, String instant) {
    return Event.newBuilder()
        .setEventId(id)
        .setConversationId("chat-1")
        .setWidgetId("web")
        .setOccurTime(Timestamps.fromMillis(Instant.parse(instant).toEpochMilli()));
  }

  private static void query(Telwerk telwerk) {
    DateRange day = DateRange.newBuilder().setStartDate(date(5)).setEndDate(date(6)).build();
    QueryTotalsRequest request =
        QueryTotalsRequest.newBuilder()
            .setAccountId("acme")
            .addKpiIds("satisfaction_score")
            .setRange(TimeRange.newBuilder().setDates(day))
            .build();
    telwerk
        .kpis()
        .queryTotals(request)
        .getTotalsList()
        .forEach(
            total ->
                System.out.printf(
                    Locale.ROOT, "%d rated, %.1f stars on average%n", total.getCount(), total.getMean()));
  }

  private static CalendarDate date(int day) {
    return CalendarDate.newBuilder().setYear(2026).setMonth(1).setDay(day).build();
  }
}
