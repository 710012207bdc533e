package io.telwerk.client;

import java.time.Duration;

/**
 * How an {@link EventSender} batches, and how much it holds.
 *
 * @param batchEvents a batch goes as soon as it has so many events
 * @param batchBytes or so many bytes
 * @param linger or as soon as its first event has waited for so long
 * @param bufferEvents of events that are not answered yet there are never more
 * @param bufferBytes nor more than about so many bytes
 */
public record SenderLimits(int batchEvents, long batchBytes, Duration linger, int bufferEvents, long bufferBytes) {
  /** 1,000 events or 1 MiB in a batch, 200 ms, 20,000 events or 16 MiB in all. */
  public static final SenderLimits DEFAULT = new SenderLimits(1_000, 1L << 20, Duration.ofMillis(200), 20_000, 1L << 24);

  /** Throws an IllegalArgumentException if they make no sense. */
  public SenderLimits {
    if (batchEvents < 1 || batchBytes < 1 || linger.isNegative()) {
      throw new IllegalArgumentException("batchEvents and batchBytes are at least 1, and linger is not negative");
    }
    if (bufferEvents < batchEvents || bufferBytes < batchBytes) {
      throw new IllegalArgumentException("bufferEvents and bufferBytes have room for a batch at least");
    }
  }
}
