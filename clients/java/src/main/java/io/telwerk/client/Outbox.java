package io.telwerk.client;

import io.grpc.Status;
import io.telwerk.v1.Event;
import io.telwerk.v1.IngestEventsResponse;
import io.telwerk.v1.Rejection;
import io.telwerk.v1.Verdict;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.ListIterator;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What is to be sent and not yet answered: the part of an {@link EventSender} that neither waits nor sends.
 *
 * <p>Nothing leaves but by an answer. A batch that failed is sent again with the same events and ids, so that nothing
 * counts twice. A batch that the server refuses as a whole is halved until the event at fault stands alone. Times are
 * those of {@link System#nanoTime}. Not safe for threads by itself.
 */
final class Outbox {
  private final SenderLimits limits;
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final Deque<Batch> again = new ArrayDeque<>();
  private final Set<Batch> onTheWay = Collections.newSetFromMap(new java.util.IdentityHashMap<>());
  private final Backoff backoff = new Backoff();
  private long waitingBytes;
  private long heldBytes;
  private long notBefore;
  private boolean paused;
  private int heldCount;
  private long putCount;
  private EventSender.Tally tally = new EventSender.Tally(0, 0, 0);
  private Throwable lastError;
  private Throwable stoppedBy;

  Outbox(SenderLimits limits) {
    this.limits = limits;
  }

  private record Waiting(Event event, long since) {}

  /** Events that are sent together; {@code first} is the place of the oldest among all that were ever put, from 1. */
  record Batch(List<Event> events, long bytes, long first) {
    static Batch of(List<Event> events, long first) {
      return new Batch(List.copyOf(events), events.stream().mapToLong(Event::getSerializedSize).sum(), first);
    }
  }

  /** An event that the server will never take, and why. */
  record Refused(Event event, Rejection rejection) {}

  /**
   * What became of a batch that was sent.
   *
   * @param again what of it is still to be answered
   * @param pause nothing was learnt: wait before the next batch, at least for {@code asked}
   * @param isFinal sending again cannot mend the error
   */
  record Outcome(
      int accepted,
      int duplicate,
      List<Refused> refused,
      List<Batch> again,
      Throwable error,
      boolean pause,
      Duration asked,
      boolean isFinal) {

    static Outcome later(Batch batch, Throwable error, Duration asked) {
      return new Outcome(0, 0, List.of(), List.of(batch), error, true, asked, false);
    }

    static Outcome never(Batch batch, Throwable error) {
      return new Outcome(0, 0, List.of(), List.of(batch), error, false, Duration.ZERO, true);
    }

    static Outcome learnt(int accepted, int duplicate, List<Refused> refused, List<Batch> again, Throwable error) {
      return new Outcome(accepted, duplicate, refused, again, error, false, Duration.ZERO, false);
    }
  }

  EventSender.Tally tally() {
    return tally;
  }

  int heldCount() {
    return heldCount;
  }

  /** Events that were ever put. */
  long putCount() {
    return putCount;
  }

  /** The last error of a call; null if there was none. */
  Throwable lastError() {
    return lastError;
  }

  /** Why nothing more can be sent; null while that is not so. */
  Throwable stoppedBy() {
    return stoppedBy;
  }

  /** Whether the event can be put. One that is larger than all the room can, while there is nothing else. */
  boolean hasRoom(Event event) {
    return heldCount == 0
        || heldCount < limits.bufferEvents() && heldBytes + event.getSerializedSize() <= limits.bufferBytes();
  }

  /** Holds the event until it is answered; {@link #hasRoom} was asked before. Whether a batch is due at another time. */
  boolean put(Event event, long now) {
    waiting.add(new Waiting(event, now));
    waitingBytes += event.getSerializedSize();
    putCount++;
    heldCount++;
    heldBytes += event.getSerializedSize();
    return waiting.size() == 1 || isFullBatch();
  }

  /** After how many nanoseconds there is a batch to take; empty where nothing waits, or all has stopped. */
  OptionalLong due(long now, boolean hurry) {
    if (stoppedBy != null || again.isEmpty() && waiting.isEmpty()) {
      return OptionalLong.empty();
    }
    long due = paused ? Math.max(0, notBefore - now) : 0;
    if (again.isEmpty() && !hurry && !isFullBatch()) {
      due = Math.max(due, waiting.getFirst().since() + limits.linger().toNanos() - now);
    }
    return OptionalLong.of(due);
  }

  /** The next batch to send, if one is due, else null; on its way from then on. */
  Batch take(long now, boolean hurry) {
    OptionalLong due = due(now, hurry);
    if (due.isEmpty() || due.getAsLong() > 0) {
      return null;
    }
    Batch batch = again.isEmpty() ? newBatch() : again.removeFirst();
    onTheWay.add(batch);
    return batch;
  }

  /** What became of a batch. */
  void settle(Batch batch, Outcome outcome, long now) {
    onTheWay.remove(batch);
    heldCount -= batch.events().size();
    heldBytes -= batch.bytes();
    for (ListIterator<Batch> rest = outcome.again().listIterator(outcome.again().size()); rest.hasPrevious(); ) {
      Batch part = rest.previous();
      again.addFirst(part);
      heldCount += part.events().size();
      heldBytes += part.bytes();
    }
    tally =
        new EventSender.Tally(
            tally.accepted() + outcome.accepted(),
            tally.duplicate() + outcome.duplicate(),
            tally.rejected() + outcome.refused().size());
    lastError = outcome.error() == null ? lastError : outcome.error();
    stoppedBy = outcome.isFinal() ? outcome.error() : stoppedBy;
    paused = outcome.pause();
    if (paused) {
      notBefore = now + backoff.failed(outcome.asked());
    } else {
      backoff.reset();
    }
  }

  /** Whether the first events that were ever put, so many, are all answered. */
  boolean settled(long number) {
    return Stream.concat(again.stream(), onTheWay.stream()).allMatch(batch -> batch.first() > number)
        && (waiting.isEmpty() || putCount - waiting.size() >= number);
  }

  /** All events that are held. */
  List<Event> unanswered() {
    List<Event> all = new ArrayList<>();
    again.forEach(batch -> all.addAll(batch.events()));
    onTheWay.forEach(batch -> all.addAll(batch.events()));
    waiting.forEach(one -> all.add(one.event()));
    return all;
  }

  private boolean isFullBatch() {
    return waiting.size() >= limits.batchEvents() || waitingBytes >= limits.batchBytes();
  }

  /** Of the oldest that wait; at least one, however large. */
  private Batch newBatch() {
    long first = putCount - waiting.size() + 1;
    List<Event> events = new ArrayList<>();
    long bytes = 0;
    while (!waiting.isEmpty() && events.size() < limits.batchEvents()) {
      int size = waiting.getFirst().event().getSerializedSize();
      if (!events.isEmpty() && bytes + size > limits.batchBytes()) {
        break;
      }
      events.add(waiting.removeFirst().event());
      bytes += size;
    }
    waitingBytes -= bytes;
    return new Batch(List.copyOf(events), bytes, first);
  }

  /** What an answer means for a batch. Only events with a verdict are answered; where there are fewer, the rest waits. */
  static Outcome judge(Batch batch, IngestEventsResponse answer) {
    int answered = Math.min(answer.getVerdictsCount(), batch.events().size());
    if (answered == 0) {
      Throwable error = new IllegalStateException("the server's answer has no verdicts");
      return Outcome.later(batch, error, Duration.ZERO);
    }
    Map<Integer, Rejection> rejections = new HashMap<>();
    answer.getRejectionsList().forEach(rejection -> rejections.put(rejection.getIndex(), rejection));
    List<Refused> refused = new ArrayList<>();
    int accepted = 0;
    int duplicate = 0;
    for (int i = 0; i < answered; i++) {
      Verdict verdict = answer.getVerdicts(i);
      accepted += verdict == Verdict.VERDICT_ACCEPTED ? 1 : 0;
      duplicate += verdict == Verdict.VERDICT_DUPLICATE ? 1 : 0;
      if (verdict == Verdict.VERDICT_REJECTED) {
        Event event = batch.events().get(i);
        Rejection unknown = Rejection.newBuilder().setIndex(i).setEventId(event.getEventId()).build();
        refused.add(new Refused(event, rejections.getOrDefault(i, unknown)));
      }
    }
    List<Event> rest = batch.events().subList(answered, batch.events().size());
    List<Batch> again = rest.isEmpty() ? List.of() : List.of(Batch.of(rest, batch.first()));
    return Outcome.learnt(accepted, duplicate, refused, again, null);
  }

  /** What an error means for a batch. */
  static Outcome judge(Batch batch, Throwable thrown) {
    TelwerkError error = TelwerkError.of(thrown);
    if (error.isTransient()) {
      return Outcome.later(batch, thrown, error.retryAfter().orElse(Duration.ZERO));
    }
    boolean ofAccount = error.violations().stream().anyMatch(violation -> violation.field().equals("account_id"));
    boolean ofEvents = error.code() == Status.Code.INVALID_ARGUMENT && !ofAccount;
    return ofEvents || error.code() == Status.Code.RESOURCE_EXHAUSTED
        ? halved(batch, error, thrown)
        : Outcome.never(batch, thrown);
  }

  /** The server refuses the batch whatever its state: which event is to blame shows when it stands alone. */
  private static Outcome halved(Batch batch, TelwerkError error, Throwable thrown) {
    List<Event> events = batch.events();
    int middle = events.size() / 2;
    if (middle > 0) {
      Batch one = Batch.of(events.subList(0, middle), batch.first());
      Batch other = Batch.of(events.subList(middle, events.size()), batch.first());
      return Outcome.learnt(0, 0, List.of(), List.of(one, other), thrown);
    }
    String reason = error.code() == Status.Code.RESOURCE_EXHAUSTED ? "LIMIT_EXCEEDED" : "INVALID_REQUEST";
    Rejection rejection =
        Rejection.newBuilder()
            .setEventId(events.get(0).getEventId())
            .setReason(error.reason().isEmpty() ? reason : error.reason())
            .setField(error.violations().isEmpty() ? "" : error.violations().get(0).field())
            .setMessage(error.message())
            .build();
    return Outcome.learnt(0, 0, List.of(new Refused(events.get(0), rejection)), List.of(), thrown);
  }
}
