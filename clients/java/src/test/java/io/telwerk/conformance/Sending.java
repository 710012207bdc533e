package io.telwerk.conformance;

import com.google.gson.JsonObject;
import io.grpc.StatusRuntimeException;
import io.telwerk.client.EventSender;
import io.telwerk.client.EventSenderBuilder;
import io.telwerk.client.SenderException;
import io.telwerk.client.SenderLimits;
import io.telwerk.client.Telwerk;
import io.telwerk.conformance.Scenario.Options;
import io.telwerk.conformance.Scenario.Rejected;
import io.telwerk.conformance.Scenario.Step;
import io.telwerk.conformance.Scenario.Tally;
import io.telwerk.v1.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/** The steps of a scenario that are about an {@link EventSender}: the one sender of a run. */
final class Sending {
  private static final Duration FLUSH = Duration.ofSeconds(60);

  private final List<Rejected> told = Collections.synchronizedList(new ArrayList<>());
  private EventSender sender;

  /** Does what the step says; says what came of it other than told, null for nothing. */
  String play(Telwerk telwerk, Step step) throws InterruptedException {
    List<String> unsent = List.of();
    try {
      act(telwerk, step);
    } catch (SenderException.NotSent left) {
      unsent = left.events().stream().map(Event::getEventId).sorted().toList();
    } catch (SenderException.Stopped stopped) {
      if (stopped.getCause() instanceof StatusRuntimeException thrown) {
        throw thrown;
      }
      throw stopped;
    } catch (SenderException.BufferFull | SenderException.Closed thrown) {
      String code = thrown instanceof SenderException.Closed ? "CLOSED" : "BUFFER_FULL";
      return step.error() != null && step.error().code().equals(code) ? null : "  got      " + thrown;
    }
    return step.error() == null ? difference(step, unsent) : "expected " + step.error();
  }

  /** Ends it, whatever is left in it. */
  void end() {
    try {
      if (sender != null) {
        sender.close(Duration.ZERO);
      }
    } catch (SenderException.NotSent left) {
      // It was the test's intention, or has been told.
    }
  }

  private void act(Telwerk telwerk, Step step) throws InterruptedException {
    Duration timeout = step.timeoutMs() > 0 ? Duration.ofMillis(step.timeoutMs()) : FLUSH;
    switch (step.sender()) {
      case "open" -> open(telwerk, step);
      case "add" -> {
        for (JsonObject one : step.build()) {
          sender.add(Building.event(one));
        }
      }
      case "flush" -> {
        if (!sender.flush(timeout)) {
          throw new IllegalStateException("the flush took too long");
        }
      }
      case "close" -> sender.close(timeout);
      default -> { }
    }
  }

  private void open(Telwerk telwerk, Step step) {
    told.clear();
    SenderLimits unset = SenderLimits.DEFAULT;
    Options given = step.options() == null ? new Options(null, null, null, null, null, null, null) : step.options();
    SenderLimits limits =
        new SenderLimits(
            Objects.requireNonNullElse(given.batchEvents(), unset.batchEvents()),
            Objects.requireNonNullElse(given.batchBytes(), unset.batchBytes()),
            given.lingerMs() == null ? unset.linger() : Duration.ofMillis(given.lingerMs()),
            Objects.requireNonNullElse(given.bufferEvents(), unset.bufferEvents()),
            Objects.requireNonNullElse(given.bufferBytes(), unset.bufferBytes()));
    EventSenderBuilder builder = EventSender.builder(telwerk, step.accountId()).limits(limits);
    builder.calls(Objects.requireNonNullElse(given.calls(), 2));
    builder.onRejected(
        (event, rejection) ->
            told.add(new Rejected(event.getEventId(), rejection.getReason(), rejection.getField())));
    sender = ("fail".equals(given.whenFull()) ? builder.failWhenFull() : builder).build();
  }

  private String difference(Step step, List<String> unsent) {
    EventSender.Tally counts = sender.tally();
    Tally tally = new Tally(counts.accepted() + counts.duplicate(), counts.rejected());
    List<Rejected> rejected = told.stream().sorted(Comparator.comparing(Rejected::eventId)).toList();
    boolean same =
        (step.tally() == null || step.tally().equals(tally))
            && (step.rejected() == null || step.rejected().equals(rejected))
            && (step.unsent() == null || step.unsent().equals(unsent));
    return same ? null : "  got      " + tally + " " + rejected + " " + unsent;
  }
}
