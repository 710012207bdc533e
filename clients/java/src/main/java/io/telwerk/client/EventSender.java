package io.telwerk.client;

import io.grpc.Context;
import io.telwerk.v1.Event;
import io.telwerk.v1.IngestEventsRequest;
import io.telwerk.v1.Rejection;
import java.lang.System.Logger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;

/**
 * Holds the events of one account, sends them in batches in the background, and keeps on until each is answered.
 *
 * <pre>{@code
 * try (EventSender sender = EventSender.builder(telwerk, "acme").build()) {
 *   sender.add(Events.in("chat-1", "web", Instant.now()).rated(5));
 * }
 * }</pre>
 *
 * <ul>
 *   <li>Batches go by size and by time, see {@link SenderLimits}.
 *   <li>A server that is away, slow or restarted, or that asks to wait because a quota is used up, is waited for. The
 *       same events are sent again with the same ids, so that nothing is lost and nothing counts twice.
 *   <li>Memory is bounded. Without room, {@link #add} waits for it, or throws {@link SenderException.BufferFull}.
 *   <li>An event that the server refuses is told to {@link EventSenderBuilder#onRejected}.
 *   <li>What sending again cannot mend (a wrong or expired key, an impossible account, a closed client) stops the sender:
 *       {@code add} and {@code flush} throw {@link SenderException.Stopped}, and {@code close} hands back what was not
 *       sent.
 *   <li>{@link #close} sends what is left; so does a program that forgot it when it ends in order.
 * </ul>
 *
 * <p>Threads may share it. Its own threads are daemons, named {@code telwerk-sender-0} and so on.
 */
public final class EventSender implements AutoCloseable {
  private static final Logger LOG = System.getLogger(EventSender.class.getName());

  private final Telwerk telwerk;
  private final String account;
  private final boolean failWhenFull;
  private final BiConsumer<Event, Rejection> onRejected;
  private final Duration closeTimeout;
  private final Outbox outbox;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Context.CancellableContext calls = Context.ROOT.withCancellation();
  private final List<Thread> threads = new ArrayList<>();
  private final Thread atExit = new Thread(this::closeAtExit, "telwerk-sender-exit");
  private int flushing;
  private boolean closing;
  private boolean closed;

  EventSender(EventSenderBuilder builder) {
    this.telwerk = builder.telwerk;
    this.account = builder.account;
    this.failWhenFull = builder.failWhenFull;
    this.onRejected = builder.onRejected;
    this.closeTimeout = builder.closeTimeout;
    this.outbox = new Outbox(builder.limits);
    for (int number = 0; number < builder.calls; number++) {
      Thread thread = new Thread(this::work, "telwerk-sender-" + number);
      thread.setDaemon(true);
      threads.add(thread);
    }
  }

  /** Starts the threads. */
  EventSender started() {
    threads.forEach(Thread::start);
    Runtime.getRuntime().addShutdownHook(atExit);
    return this;
  }

  /** Begins a sender for the events of an account. */
  public static EventSenderBuilder builder(Telwerk telwerk, String account) {
    return new EventSenderBuilder(telwerk, account);
  }

  /** What became of the events so far. */
  public record Tally(long accepted, long duplicate, long rejected) {}

  /**
   * Takes the event, to be sent soon.
   *
   * @throws SenderException the event was not taken, for the reason that its class says
   * @throws InterruptedException the thread was interrupted while it waited for room; the event was not taken
   */
  public void add(Event event) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!canTake(event)) {
        changed.await();
      }
      if (outbox.put(event, System.nanoTime())) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends all that was added before, without waiting for more. True once all of it is answered; false if that took longer
   * than the timeout: nothing is lost by that, and sending goes on.
   *
   * @throws SenderException.Stopped the sender had to stop
   */
  public boolean flush(Duration timeout) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      flushing++;
      changed.signalAll();
      long number = outbox.putCount();
      long left = timeout.toNanos();
      while (!outbox.settled(number)) {
        throwIfStopped();
        if (left <= 0) {
          return false;
        }
        left = changed.awaitNanos(left);
      }
      return true;
    } finally {
      flushing--;
      lock.unlock();
    }
  }

  /** The same as {@link #close(Duration)}, for at most the builder's {@code closeTimeout}. */
  @Override
  public void close() {
    close(closeTimeout);
  }

  /**
   * Takes nothing more, sends all that is left, for at most so long, and ends the sender's threads; a call that is still
   * on its way then is cancelled. An interrupt ends the wait early. Called again, it waits for the first call's end.
   *
   * @throws SenderException.NotSent not everything was answered; it has the events
   */
  public void close(Duration timeout) {
    if (!beginClosing()) {
      return;
    }
    boolean interrupted = false;
    try {
      flush(timeout);
    } catch (SenderException.Stopped stopped) {
      // It is the cause of the error below.
    } catch (InterruptedException thrown) {
      interrupted = true;
    }
    List<Event> left = end();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (!left.isEmpty()) {
      throw new SenderException.NotSent(left, outbox.lastError());
    }
  }

  /** What became of the events so far. */
  public Tally tally() {
    lock.lock();
    try {
      return outbox.tally();
    } finally {
      lock.unlock();
    }
  }

  /** Events that are not answered yet. */
  public int heldCount() {
    lock.lock();
    try {
      return outbox.heldCount();
    } finally {
      lock.unlock();
    }
  }

  /** False where another call closes it, or did; then that has ended. */
  private boolean beginClosing() {
    lock.lock();
    try {
      boolean first = !closing;
      closing = true;
      changed.signalAll();
      while (!first && !closed) {
        changed.awaitUninterruptibly();
      }
      return first;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the threads; gives what is not answered. */
  private List<Event> end() {
    calls.cancel(null);
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    threads.forEach(EventSender::join);
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException ending) {
      // The program ends, and this is the hook.
    }
    return outbox.unanswered();
  }

  private static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive() && thread != Thread.currentThread()) {
      try {
        thread.join();
      } catch (InterruptedException thrown) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void closeAtExit() {
    try {
      close();
    } catch (SenderException.NotSent left) {
      LOG.log(Logger.Level.ERROR, left.getMessage(), left.getCause());
    }
  }

  /** Whether the event can be put now; false means to wait for it. */
  private boolean canTake(Event event) {
    if (closing) {
      throw new SenderException.Closed();
    }
    throwIfStopped();
    if (!outbox.hasRoom(event) && failWhenFull) {
      throw new SenderException.BufferFull(outbox.heldCount());
    }
    return outbox.hasRoom(event);
  }

  private void throwIfStopped() {
    if (outbox.stoppedBy() != null) {
      throw new SenderException.Stopped(outbox.stoppedBy());
    }
  }

  private void work() {
    for (Outbox.Batch batch = next(); batch != null; batch = next()) {
      Outbox.Outcome outcome = sent(batch);
      if (outcome == null) {
        return;
      }
      // Before the batch is settled, so that after a flush everything was told.
      outcome.refused().forEach(this::tell);
      lock.lock();
      try {
        outbox.settle(batch, outcome, System.nanoTime());
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** The next batch, waiting for it; null once the sender is closed. */
  private Outbox.Batch next() {
    lock.lock();
    try {
      while (!closed) {
        long now = System.nanoTime();
        Outbox.Batch batch = outbox.take(now, flushing > 0);
        if (batch != null) {
          return batch;
        }
        OptionalLong due = outbox.due(now, flushing > 0);
        changed.await(due.orElse(Long.MAX_VALUE), TimeUnit.NANOSECONDS);
      }
    } catch (InterruptedException nobodyDoes) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
    return null;
  }

  /** What became of a batch; null where the sender was closed meanwhile, so that it stays unanswered. */
  private Outbox.Outcome sent(Outbox.Batch batch) {
    IngestEventsRequest request =
        IngestEventsRequest.newBuilder().setAccountId(account).addAllEvents(batch.events()).build();
    try {
      return Outbox.judge(batch, calls.call(() -> telwerk.ingestion().ingestEvents(request)));
    } catch (Exception thrown) {
      if (calls.isCancelled()) {
        return null;
      }
      // Otherwise gRPC tries a server that is away less and less often, down to every two minutes.
      telwerk.channel().resetConnectBackoff();
      boolean gone = telwerk.channel().isShutdown();
      return gone ? Outbox.Outcome.never(batch, thrown) : Outbox.judge(batch, thrown);
    }
  }

  private void tell(Outbox.Refused refused) {
    try {
      onRejected.accept(refused.event(), refused.rejection());
    } catch (RuntimeException defect) {
      // Its own defect must not keep other events from being sent.
      LOG.log(Logger.Level.ERROR, "onRejected failed for event " + refused.event().getEventId(), defect);
    }
  }

  /** What is done with a refused event unless the producer does something else. */
  static void log(Event event, Rejection rejection) {
    LOG.log(
        Logger.Level.WARNING,
        "event {0} of conversation {1} is refused: {2} {3}",
        event.getEventId(),
        event.getConversationId(),
        rejection.getReason(),
        rejection.getMessage());
  }
}
