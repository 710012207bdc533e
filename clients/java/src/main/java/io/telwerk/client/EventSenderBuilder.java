package io.telwerk.client;

import io.telwerk.v1.Event;
import io.telwerk.v1.Rejection;
import java.time.Duration;
import java.util.Objects;
import java.util.function.BiConsumer;

/** How an {@link EventSender} works. */
public final class EventSenderBuilder {
  final Telwerk telwerk;
  final String account;
  SenderLimits limits = SenderLimits.DEFAULT;
  boolean failWhenFull;
  BiConsumer<Event, Rejection> onRejected = EventSender::log;
  int calls = 2;
  Duration closeTimeout = Duration.ofSeconds(30);

  EventSenderBuilder(Telwerk telwerk, String account) {
    this.telwerk = Objects.requireNonNull(telwerk);
    this.account = Objects.requireNonNull(account);
  }

  /** Replaces {@link SenderLimits#DEFAULT}. */
  public EventSenderBuilder limits(SenderLimits limits) {
    this.limits = Objects.requireNonNull(limits);
    return this;
  }

  /** Without room {@link EventSender#add} throws {@link SenderException.BufferFull} rather than wait for it. */
  public EventSenderBuilder failWhenFull() {
    this.failWhenFull = true;
    return this;
  }

  /**
   * Is told of each event that the server will never take, and why; by default a warning is logged. It is called in a
   * thread of the sender, which waits for it: it must not wait for the sender in turn.
   */
  public EventSenderBuilder onRejected(BiConsumer<Event, Rejection> onRejected) {
    this.onRejected = Objects.requireNonNull(onRejected);
    return this;
  }

  /** How many batches are on their way at once, at most; 2 unless given. */
  public EventSenderBuilder calls(int calls) {
    if (calls < 1) {
      throw new IllegalArgumentException("calls is at least 1");
    }
    this.calls = calls;
    return this;
  }

  /** How long {@link EventSender#close()} goes on sending; 30 seconds unless given. */
  public EventSenderBuilder closeTimeout(Duration closeTimeout) {
    this.closeTimeout = Objects.requireNonNull(closeTimeout);
    return this;
  }

  /** The sender, with its threads running. */
  public EventSender build() {
    return new EventSender(this).started();
  }
}
