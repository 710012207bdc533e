package io.telwerk.client;

import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import io.telwerk.v1.QueryTimeSeriesResponse;
import io.telwerk.v1.WatchTimeSeriesRequest;
import io.telwerk.v1.WatchTimeSeriesResponse;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A time series that stays true: the whole answer now, and again whenever it has changed. See {@link Telwerk#watch}.
 *
 * <p>One thread reads; any thread may close it, and ends it so.
 */
public final class Watch implements Iterator<QueryTimeSeriesResponse>, AutoCloseable {
  private final Telwerk telwerk;
  private final WatchTimeSeriesRequest request;
  private final long patienceNanos;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Context.CancellableContext calls = Context.current().withCancellation();
  private final Backoff backoff = new Backoff();
  private boolean everAnswered;
  private boolean broken;
  private long brokenAt;
  private Iterator<WatchTimeSeriesResponse> updates;
  private Watched watched;
  private QueryTimeSeriesResponse next;

  Watch(Telwerk telwerk, WatchTimeSeriesRequest request, Duration patience) {
    this.telwerk = telwerk;
    this.request = request;
    this.patienceNanos = patience.toNanos();
  }

  /**
   * Waits for the next answer; false once the watch was closed.
   *
   * @throws StatusRuntimeException opening again is of no use: it never worked, nothing would get better, or the server
   *     has been away for longer than the patience
   */
  @Override
  public boolean hasNext() {
    while (next == null && closed.getCount() > 0) {
      try {
        next = calls.call(this::read);
        broken = false;
        everAnswered = true;
        backoff.reset();
      } catch (StatusRuntimeException thrown) {
        pause(thrown);
      } catch (NoSuchElementException ended) {
        // An end that nobody asked for.
        pause(null);
      } catch (RuntimeException other) {
        throw other;
      } catch (Exception impossible) {
        throw new IllegalStateException(impossible);
      }
    }
    return next != null;
  }

  /** The whole answer, as a query would give it. */
  @Override
  public QueryTimeSeriesResponse next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the watch is closed");
    }
    QueryTimeSeriesResponse answer = next;
    next = null;
    return answer;
  }

  /** Ends the watch. */
  @Override
  public void close() {
    closed.countDown();
    calls.cancel(null);
  }

  private QueryTimeSeriesResponse read() {
    if (updates == null) {
      watched = new Watched(request.getQuery().getSparse());
      updates = telwerk.kpis().watchTimeSeries(request);
    }
    return watched.update(updates.next());
  }

  /** Waits before the next opening; throws the error where that is of no use. */
  private void pause(StatusRuntimeException thrown) {
    updates = null;
    if (closed.getCount() == 0) {
      return;
    }
    TelwerkError error = thrown == null ? null : TelwerkError.of(thrown);
    if (error != null && (!error.isTransient() || calls.isCancelled())) {
      throw thrown;
    }
    long now = System.nanoTime();
    brokenAt = broken ? brokenAt : now;
    broken = true;
    long pause = backoff.failed(error == null ? Duration.ZERO : error.retryAfter().orElse(Duration.ZERO));
    if (error != null && (!everAnswered || now + pause - brokenAt > patienceNanos)) {
      throw thrown;
    }
    try {
      closed.await(pause, TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      close();
    }
    // Otherwise gRPC tries a server that is away less and less often, down to every two minutes.
    telwerk.channel().resetConnectBackoff();
  }
}
