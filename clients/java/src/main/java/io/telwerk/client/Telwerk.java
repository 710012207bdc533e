package io.telwerk.client;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import io.telwerk.v1.AdminServiceGrpc;
import io.telwerk.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.telwerk.v1.IngestionServiceGrpc;
import io.telwerk.v1.IngestionServiceGrpc.IngestionServiceBlockingStub;
import io.telwerk.v1.IngestionServiceGrpc.IngestionServiceStub;
import io.telwerk.v1.KpiServiceGrpc;
import io.telwerk.v1.KpiServiceGrpc.KpiServiceBlockingStub;
import io.telwerk.v1.SettingsServiceGrpc;
import io.telwerk.v1.SettingsServiceGrpc.SettingsServiceBlockingStub;
import io.telwerk.v1.WatchTimeSeriesRequest;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * A connection to a Telwerk server.
 *
 * <pre>{@code
 * try (Telwerk telwerk = Telwerk.builder("kpi.example:443").tls().apiKey(key).build()) {
 *   IngestEventsResponse answer = telwerk.ingestion().ingestEvents(request);
 * }
 * }</pre>
 *
 * <p>Requests and answers are the contract's own messages, in {@code io.telwerk.v1}, where every field is described. A
 * call that goes wrong throws a {@link io.grpc.StatusRuntimeException}; {@link TelwerkError#of} says what it means.
 *
 * <p>Threads may share a connection. Nothing is sent before the first call, and a lost connection is made anew by
 * itself. Where the server is not available a call is tried up to five times: every call of Telwerk is safe to repeat.
 */
public final class Telwerk implements AutoCloseable {

  /** How long a call takes at most, unless the builder or the stub's own deadline says otherwise; streams go on. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

  /** How long a watch waits for a server that went away. */
  public static final Duration DEFAULT_PATIENCE = Duration.ofSeconds(60);

  private static final int ANSWER_BYTES_MAX = 64 << 20;
  // A call whose request is larger is silently never retried.
  private static final long RETRY_BUFFER_BYTES_MAX = 64L << 20;
  private static final long KEEPALIVE_SECONDS = 30;
  private static final long KEEPALIVE_TIMEOUT_SECONDS = 10;
  private static final long CLOSE_SECONDS = 5;

  private final ManagedChannel channel;

  private Telwerk(ManagedChannel channel) {
    this.channel = channel;
  }

  /**
   * Begins a connection to {@code address}, "host:port", in plain text unless told otherwise. Of several addresses, with
   * commas between them, and of all that "dns:///name:port" leads to, calls go to all servers in turn, and to none that
   * is away.
   */
  public static Builder builder(String address) {
    return new Builder(address);
  }

  /** Takes events in. */
  public IngestionServiceBlockingStub ingestion() {
    return IngestionServiceGrpc.newBlockingStub(channel);
  }

  /** Takes events in, without waiting for the answers; also as a stream. */
  public IngestionServiceStub ingestionAsync() {
    return IngestionServiceGrpc.newStub(channel);
  }

  /** Reads. */
  public KpiServiceBlockingStub kpis() {
    return KpiServiceGrpc.newBlockingStub(channel);
  }

  /** Keeps what Telwerk must know of widgets and accounts. */
  public SettingsServiceBlockingStub settings() {
    return SettingsServiceGrpc.newBlockingStub(channel);
  }

  /** Takes data out. */
  public AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(channel);
  }

  /**
   * A time series that stays true: the whole answer now, and again whenever it has changed.
   *
   * <pre>{@code
   * try (Watch watch = telwerk.watch(request, Telwerk.DEFAULT_PATIENCE)) {
   *   while (watch.hasNext()) {
   *     QueryTimeSeriesResponse answer = watch.next();
   *   }
   * }
   * }</pre>
   *
   * <p>A watch that breaks is opened again by itself, and goes on with the answer as it is then. A server that answered
   * before is waited for, up to the patience from when the connection was lost.
   */
  public Watch watch(WatchTimeSeriesRequest request, Duration patience) {
    return new Watch(this, request, patience);
  }

  /** For stubs of other kinds: {@code KpiServiceGrpc.newFutureStub(telwerk.channel())}. */
  public ManagedChannel channel() {
    return channel;
  }

  /** Ends the connection. Running calls have five seconds to end. */
  @Override
  public void close() {
    channel.shutdown();
    try {
      if (!channel.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        channel.shutdownNow();
      }
    } catch (InterruptedException interrupted) {
      channel.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  /** How to connect. */
  public static final class Builder {
    private final String address;
    private ChannelCredentials credentials = InsecureChannelCredentials.create();
    private String apiKey;
    private Duration timeout = DEFAULT_TIMEOUT;

    private Builder(String address) {
      this.address = Objects.requireNonNull(address);
    }

    /** Encrypts, and trusts the authorities that Java trusts. */
    public Builder tls() {
      return credentials(TlsChannelCredentials.create());
    }

    /** Encrypts, and trusts the certificates of a PEM file only. */
    public Builder tls(File trusted) throws IOException {
      return credentials(TlsChannelCredentials.newBuilder().trustManager(trusted).build());
    }

    /** For all else, such as a certificate of the client's own. */
    public Builder credentials(ChannelCredentials credentials) {
      this.credentials = Objects.requireNonNull(credentials);
      return this;
    }

    /** Goes with every call. Without TLS anyone on the way can read it. */
    public Builder apiKey(String apiKey) {
      this.apiKey = Objects.requireNonNull(apiKey);
      return this;
    }

    /** Replaces {@link #DEFAULT_TIMEOUT}. */
    public Builder timeout(Duration timeout) {
      this.timeout = Objects.requireNonNull(timeout);
      return this;
    }

    /** The connection; nothing is sent yet. */
    public Telwerk build() {
      ManagedChannelBuilder<?> builder = Grpc.newChannelBuilder(Targets.targetOf(address), credentials);
      if (Targets.addressesOf(address).stream().allMatch(Reach::isLoopback)) {
        builder.proxyDetector(target -> null);
      }
      if (Targets.isBalanced(address)) {
        builder.defaultLoadBalancingPolicy("round_robin");
      }
      ManagedChannel channel =
          builder
              .defaultServiceConfig(ServiceConfig.read())
              .enableRetry()
              .retryBufferSize(RETRY_BUFFER_BYTES_MAX)
              .perRpcBufferLimit(RETRY_BUFFER_BYTES_MAX)
              .maxInboundMessageSize(ANSWER_BYTES_MAX)
              .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
              .keepAliveTimeout(KEEPALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
              .userAgent("telwerk-java")
              .intercept(interceptors())
              .build();
      return new Telwerk(channel);
    }

    private List<ClientInterceptor> interceptors() {
      List<ClientInterceptor> interceptors = new ArrayList<>();
      interceptors.add(new Deadlines(timeout));
      interceptors.add(Reach.of(address, !(credentials instanceof InsecureChannelCredentials)));
      if (apiKey != null) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + apiKey);
        interceptors.add(MetadataUtils.newAttachHeadersInterceptor(headers));
      }
      return interceptors;
    }
  }
}
