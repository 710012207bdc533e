package io.telwerk.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

/**
 * The server that a client calls. As an interceptor it says in a sentence that helps that no server can be reached.
 *
 * @param proxy what stands between; null for nothing
 * @param answered set by the first answer: that a connection ends says nothing of TLS any more
 */
record Reach(String address, boolean tls, String proxy, AtomicBoolean answered) implements ClientInterceptor {
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private static final Pattern SCHEME = Pattern.compile("^(?:dns|ipv4|ipv6):(?://[^/]*/)?");
  private static final Pattern PORT = Pattern.compile(":\\d+$");

  /** Names that are reserved (RFC 6761), and those that the hosts files of Debian and Fedora have besides; addresses. */
  private static final Pattern LOOPBACK =
      Pattern.compile(
          "(?:(?:.*\\.)?localhost|ip6-(?:localhost|loopback)|localhost[46]?\\.localdomain[46]?|localhost[46])\\.?"
              + "|127(?:\\.\\d{1,3}){3}|::1|(?:0+:){7}0*1|::ffff:127\\..*");
  private static final Pattern UNKNOWN = Pattern.compile("(?i)unable to resolve|UnknownHost");
  private static final Pattern BAD_TLS = Pattern.compile("(?i)ssl|tls|certif|PKIX");
  private static final Pattern ENDED = Pattern.compile("(?i)closed|reset|first received frame|http2 exception|preface");
  /** Of a connection that worked; the rest of {@link #ENDED} is said while one is being made. */
  private static final Pattern CUT = Pattern.compile("(?i)closed|reset|keepalive failed");
  private static final Pattern TOO_OLD = Pattern.compile("max[_ ](?:connection[_ ])?age");

  /** Of a server at an address; finds the proxy as gRPC does. */
  static Reach of(String address, boolean tls) {
    String proxy = address.contains(",") || isLoopback(address) ? null : proxyOf(address);
    return new Reach(address, tls, proxy, new AtomicBoolean());
  }

  /** Whether the address is one of this host itself, to which no proxy leads. */
  static boolean isLoopback(String address) {
    return address.startsWith("unix:") || LOOPBACK.matcher(hostOf(address).toLowerCase(Locale.ROOT)).matches();
  }

  private static String hostOf(String address) {
    String path = SCHEME.matcher(address).replaceFirst("");
    if (path.startsWith("[")) {
      return path.substring(1, path.contains("]") ? path.indexOf(']') : path.length());
    }
    boolean several = path.indexOf(':') != path.lastIndexOf(':');
    return several ? path : PORT.matcher(path).replaceFirst("");
  }

  private static String proxyOf(String address) {
    String overriding = System.getenv("GRPC_PROXY_EXP");
    if (overriding != null) {
      return overriding;
    }
    ProxySelector selector = ProxySelector.getDefault();
    try {
      URI uri = new URI("https", hostOf(address), "/", null);
      return selector == null
          ? null
          : selector.select(uri).stream().map(Reach::shown).filter(Objects::nonNull).findFirst().orElse(null);
    } catch (URISyntaxException | IllegalArgumentException notOne) {
      return null;
    }
  }

  private static String shown(Proxy proxy) {
    return proxy.type() == Proxy.Type.HTTP && proxy.address() instanceof InetSocketAddress address
        ? address.getHostString() + ":" + address.getPort()
        : null;
  }

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        super.start(
            new SimpleForwardingClientCallListener<>(listener) {
              @Override
              public void onHeaders(Metadata answer) {
                answered.set(true);
                super.onHeaders(answer);
              }

              @Override
              public void onClose(Status status, Metadata trailers) {
                super.onClose(explained(status, trailers), trailers);
              }
            },
            headers);
      }
    };
  }

  private Status explained(Status status, Metadata trailers) {
    if (trailers.containsKey(DETAILS)) {
      answered.set(true);
      return status;
    }
    boolean unreachable = status.getCode() == Status.Code.UNAVAILABLE;
    return unreachable ? status.withDescription(sentence(text(status))) : status;
  }

  private static String text(Status status) {
    StringBuilder text = new StringBuilder(String.valueOf(status.getDescription()));
    for (Throwable cause = status.getCause(); cause != null; cause = cause.getCause()) {
      text.append(": ").append(cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage());
    }
    return text.toString();
  }

  private String sentence(String text) {
    boolean ended = ENDED.matcher(text).find();
    if (TOO_OLD.matcher(text).find()) {
      return "the connection to " + address
          + " ended because of its age, which the server's connection_age_seconds bounds (" + text + "): call again";
    }
    if (answered.get() && CUT.matcher(text).find()) {
      return "the connection to " + address + " ended while a call was running (" + text + "): call again";
    }
    if (proxy != null) {
      return address + " cannot be reached through the proxy " + proxy + ", which the environment names (" + text + ")";
    }
    if (text.contains("Connection refused")) {
      return "no server listens at " + address + ": is `telwerkd serve` running, and is the address right?";
    }
    if (UNKNOWN.matcher(text).find()) {
      return "the host of " + address + " is not known: is the address right?";
    }
    if (tls && (ended || BAD_TLS.matcher(text).find())) {
      return "no secure connection to " + address + " (" + text
          + "): is TLS on there, and is its certificate to be trusted?";
    }
    if (ended) {
      return "the connection to " + address + " ended before an answer (" + text
          + "): does the server want TLS (the builder's tls)?";
    }
    return "the server at " + address + " cannot be reached (" + text + ")";
  }
}
