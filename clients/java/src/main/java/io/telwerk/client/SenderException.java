package io.telwerk.client;

import io.telwerk.v1.Event;
import java.util.List;

/** An {@link EventSender} cannot do what it was asked to. */
public class SenderException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SenderException(String message, Throwable cause) {
    super(message, cause);
  }

  /** There is no room for the event, and the sender was told not to wait. It was not taken: add it again. */
  public static final class BufferFull extends SenderException {
    private static final long serialVersionUID = 1L;

    BufferFull(int held) {
      super(held + " events wait for their answer: there is no room for another (bufferEvents, bufferBytes)", null);
    }
  }

  /** The sender was closed. */
  public static final class Closed extends SenderException {
    private static final long serialVersionUID = 1L;

    Closed() {
      super("the sender is closed", null);
    }
  }

  /** The sender had to stop, for a reason that sending again cannot mend: the cause. */
  public static final class Stopped extends SenderException {
    private static final long serialVersionUID = 1L;

    Stopped(Throwable cause) {
      super("the sender had to stop: " + cause.getMessage(), cause);
    }
  }

  /** The sender was closed before everything was answered. The cause is the last error, if there was one. */
  public static final class NotSent extends SenderException {
    private static final long serialVersionUID = 1L;

    private final transient List<Event> events;

    NotSent(List<Event> events, Throwable cause) {
      super(events.size() + " events are not known to be stored: events() has them, to be sent again", cause);
      this.events = List.copyOf(events);
    }

    /** Those that are not known to be stored; sending them again, with their ids, counts nothing twice. */
    public List<Event> events() {
      return events;
    }
  }
}
