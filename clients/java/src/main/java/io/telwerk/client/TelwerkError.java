package io.telwerk.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a call ended in but its answer.
 *
 * <p>After {@code UNAVAILABLE} and {@code DEADLINE_EXCEEDED} it is not known whether the call took effect. Every call of
 * Telwerk is safe to repeat, so sending the same again is right.
 *
 * @param code the status of gRPC
 * @param message a sentence for people
 * @param reason a constant of the server's catalogue, such as {@code UNKNOWN_KPI}; empty where the error is not the
 *     server's
 * @param metadata what the server adds for programs
 * @param violations the fields at fault
 * @param retryAfter when the server asks to be called again, if it says so
 */
public record TelwerkError(
    Status.Code code,
    String message,
    String reason,
    Map<String, String> metadata,
    List<Violation> violations,
    Optional<Duration> retryAfter) {

  /**
   * The {@link #reason} of an error that says that this account or caller uses its whole share just now. The same request
   * may be answered later: see {@link #retryAfter}.
   */
  public static final String QUOTA_EXCEEDED = "QUOTA_EXCEEDED";

  /** A field of the request, as a path, and what is wrong with it. */
  public record Violation(String field, String description) {}

  /** What {@code thrown} by a call means. */
  public static TelwerkError of(Throwable thrown) {
    Status status = Status.fromThrowable(thrown);
    com.google.rpc.Status details = StatusProto.fromThrowable(thrown);
    List<Any> all = details == null ? List.of() : details.getDetailsList();
    Optional<ErrorInfo> info = first(all, ErrorInfo.class);
    return new TelwerkError(
        status.getCode(),
        Optional.ofNullable(status.getDescription()).orElse(""),
        info.map(ErrorInfo::getReason).orElse(""),
        info.map(ErrorInfo::getMetadataMap).orElse(Map.of()),
        first(all, BadRequest.class).map(TelwerkError::violations).orElse(List.of()),
        first(all, RetryInfo.class).map(TelwerkError::delay));
  }

  /**
   * Whether the same call may be answered later: the server is away or busy, a quota is used up, or the way to the server
   * broke.
   */
  public boolean isTransient() {
    return switch (code) {
      case UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, CANCELLED, DATA_LOSS -> true;
      // Without a reason it is gRPC's own: a message beyond what one of the two sides takes.
      case RESOURCE_EXHAUSTED -> reason.equals(QUOTA_EXCEEDED);
      default -> false;
    };
  }

  private static List<Violation> violations(BadRequest bad) {
    return bad.getFieldViolationsList().stream()
        .map(violation -> new Violation(violation.getField(), violation.getDescription()))
        .toList();
  }

  private static Duration delay(RetryInfo retry) {
    return Duration.ofSeconds(retry.getRetryDelay().getSeconds(), retry.getRetryDelay().getNanos());
  }

  private static <D extends com.google.protobuf.Message> Optional<D> first(List<Any> details, Class<D> kind) {
    return details.stream().filter(detail -> detail.is(kind)).findFirst().map(detail -> unpacked(detail, kind));
  }

  private static <D extends com.google.protobuf.Message> D unpacked(Any detail, Class<D> kind) {
    try {
      return detail.unpack(kind);
    } catch (InvalidProtocolBufferException broken) {
      throw new IllegalArgumentException("the details of the error are broken", broken);
    }
  }
}
