package io.telwerk.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How long to wait before trying again: twice as long each time, up to five seconds, and by chance up to half less, which
 * keeps many clients of a server that comes back from calling it at once.
 */
final class Backoff {
  private static final long FIRST_NANOS = Duration.ofMillis(100).toNanos();
  private static final long MAX_NANOS = Duration.ofSeconds(5).toNanos();

  private long lastNanos;

  /** It went well. */
  void reset() {
    lastNanos = 0;
  }

  /** Nanoseconds to wait now; at least as long as the server asks for. */
  long failed(Duration asked) {
    lastNanos = Math.min(Math.max(FIRST_NANOS, 2 * lastNanos), MAX_NANOS);
    return Math.max((long) (lastNanos * ThreadLocalRandom.current().nextDouble(0.5, 1)), asked.toNanos());
  }
}
