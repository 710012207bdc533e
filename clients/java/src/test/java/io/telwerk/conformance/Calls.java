package io.telwerk.conformance;

import com.google.protobuf.Message;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.StreamObserver;
import io.telwerk.client.Telwerk;
import io.telwerk.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.telwerk.v1.BatchQueryRequest;
import io.telwerk.v1.BatchQueryResponse;
import io.telwerk.v1.EraseConversationRequest;
import io.telwerk.v1.EraseConversationResponse;
import io.telwerk.v1.ExplainCountRequest;
import io.telwerk.v1.ExplainCountResponse;
import io.telwerk.v1.GetAccountSettingsRequest;
import io.telwerk.v1.GetAccountSettingsResponse;
import io.telwerk.v1.GetWidgetSettingsRequest;
import io.telwerk.v1.GetWidgetSettingsResponse;
import io.telwerk.v1.IngestEventsRequest;
import io.telwerk.v1.IngestEventsResponse;
import io.telwerk.v1.IngestionServiceGrpc.IngestionServiceBlockingStub;
import io.telwerk.v1.IngestionServiceGrpc.IngestionServiceStub;
import io.telwerk.v1.KpiServiceGrpc.KpiServiceBlockingStub;
import io.telwerk.v1.ListDimensionValuesRequest;
import io.telwerk.v1.ListDimensionValuesResponse;
import io.telwerk.v1.ListDisplayNamesRequest;
import io.telwerk.v1.ListDisplayNamesResponse;
import io.telwerk.v1.ListKpisRequest;
import io.telwerk.v1.ListKpisResponse;
import io.telwerk.v1.ListWidgetSettingsRequest;
import io.telwerk.v1.ListWidgetSettingsResponse;
import io.telwerk.v1.PurgeEventsRequest;
import io.telwerk.v1.PurgeEventsResponse;
import io.telwerk.v1.QueryTimeSeriesRequest;
import io.telwerk.v1.QueryTimeSeriesResponse;
import io.telwerk.v1.QueryTotalsRequest;
import io.telwerk.v1.QueryTotalsResponse;
import io.telwerk.v1.SetAccountSettingsRequest;
import io.telwerk.v1.SetAccountSettingsResponse;
import io.telwerk.v1.SetDisplayNamesRequest;
import io.telwerk.v1.SetDisplayNamesResponse;
import io.telwerk.v1.SetWidgetSettingsRequest;
import io.telwerk.v1.SetWidgetSettingsResponse;
import io.telwerk.v1.SettingsServiceGrpc.SettingsServiceBlockingStub;
import io.telwerk.v1.StreamEventsRequest;
import io.telwerk.v1.StreamEventsResponse;
import io.telwerk.v1.WatchTimeSeriesRequest;
import io.telwerk.v1.WatchTimeSeriesResponse;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;

/** Every RPC of the client, by its name in the scenario. */
final class Calls {

  private Calls() {}

  /** Sends requests; gives the answers as they come. Without a time, the client's own deadline holds. */
  @FunctionalInterface
  interface Run {
    Iterator<? extends Message> apply(List<Message> requests, Duration timeout);
  }

  /** One RPC, with empty messages of its types. */
  record Call(Message request, Message response, Run run) {}

  static Map<String, Call> of(Telwerk telwerk) {
    IngestionServiceBlockingStub ingestion = telwerk.ingestion();
    KpiServiceBlockingStub kpis = telwerk.kpis();
    SettingsServiceBlockingStub settings = telwerk.settings();
    AdminServiceBlockingStub admin = telwerk.admin();
    return Map.ofEntries(
        unary("IngestionService/IngestEvents", IngestEventsRequest.getDefaultInstance(),
            IngestEventsResponse.getDefaultInstance(), ingestion, IngestionServiceBlockingStub::ingestEvents),
        exchange(telwerk.ingestionAsync()),
        watch(telwerk),
        unary("KpiService/ListKpis", ListKpisRequest.getDefaultInstance(),
            ListKpisResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::listKpis),
        unary("KpiService/QueryTimeSeries", QueryTimeSeriesRequest.getDefaultInstance(),
            QueryTimeSeriesResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::queryTimeSeries),
        unary("KpiService/QueryTotals", QueryTotalsRequest.getDefaultInstance(),
            QueryTotalsResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::queryTotals),
        unary("KpiService/BatchQuery", BatchQueryRequest.getDefaultInstance(),
            BatchQueryResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::batchQuery),
        unary("KpiService/ExplainCount", ExplainCountRequest.getDefaultInstance(),
            ExplainCountResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::explainCount),
        unary("KpiService/ListDimensionValues", ListDimensionValuesRequest.getDefaultInstance(),
            ListDimensionValuesResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::listDimensionValues),
        stream("KpiService/WatchTimeSeries", WatchTimeSeriesRequest.getDefaultInstance(),
            WatchTimeSeriesResponse.getDefaultInstance(), kpis, KpiServiceBlockingStub::watchTimeSeries),
        unary("SettingsService/SetWidgetSettings", SetWidgetSettingsRequest.getDefaultInstance(),
            SetWidgetSettingsResponse.getDefaultInstance(), settings, SettingsServiceBlockingStub::setWidgetSettings),
        unary("SettingsService/GetWidgetSettings", GetWidgetSettingsRequest.getDefaultInstance(),
            GetWidgetSettingsResponse.getDefaultInstance(), settings, SettingsServiceBlockingStub::getWidgetSettings),
        unary("SettingsService/ListWidgetSettings", ListWidgetSettingsRequest.getDefaultInstance(),
            ListWidgetSettingsResponse.getDefaultInstance(), settings,
            SettingsServiceBlockingStub::listWidgetSettings),
        unary("SettingsService/SetAccountSettings", SetAccountSettingsRequest.getDefaultInstance(),
            SetAccountSettingsResponse.getDefaultInstance(), settings,
            SettingsServiceBlockingStub::setAccountSettings),
        unary("SettingsService/GetAccountSettings", GetAccountSettingsRequest.getDefaultInstance(),
            GetAccountSettingsResponse.getDefaultInstance(), settings,
            SettingsServiceBlockingStub::getAccountSettings),
        unary("SettingsService/SetDisplayNames", SetDisplayNamesRequest.getDefaultInstance(),
            SetDisplayNamesResponse.getDefaultInstance(), settings, SettingsServiceBlockingStub::setDisplayNames),
        unary("SettingsService/ListDisplayNames", ListDisplayNamesRequest.getDefaultInstance(),
            ListDisplayNamesResponse.getDefaultInstance(), settings, SettingsServiceBlockingStub::listDisplayNames),
        unary("AdminService/EraseConversation", EraseConversationRequest.getDefaultInstance(),
            EraseConversationResponse.getDefaultInstance(), admin, AdminServiceBlockingStub::eraseConversation),
        unary("AdminService/PurgeEvents", PurgeEventsRequest.getDefaultInstance(),
            PurgeEventsResponse.getDefaultInstance(), admin, AdminServiceBlockingStub::purgeEvents));
  }

  /** The client's own watch, which opens again what broke; it ends with the context of the step. */
  private static Map.Entry<String, Call> watch(Telwerk telwerk) {
    String given = System.getenv("TELWERK_PATIENCE_MS");
    Duration patience = given == null ? Telwerk.DEFAULT_PATIENCE : Duration.ofMillis(Long.parseLong(given));
    Run run = (requests, timeout) -> telwerk.watch((WatchTimeSeriesRequest) requests.get(0), patience);
    return Map.entry(
        "watch",
        new Call(WatchTimeSeriesRequest.getDefaultInstance(), QueryTimeSeriesResponse.getDefaultInstance(), run));
  }

  private static <S extends AbstractStub<S>, Q extends Message, A extends Message> Map.Entry<String, Call> unary(
      String name, Q request, A response, S stub, BiFunction<S, Q, A> method) {
    return stream(name, request, response, stub, (within, sent) -> List.of(method.apply(within, sent)).iterator());
  }

  // The request is of the type that it was read as: `request` is of this type, and so is what is built from it.
  @SuppressWarnings("unchecked")
  private static <S extends AbstractStub<S>, Q extends Message, A extends Message> Map.Entry<String, Call> stream(
      String name, Q request, A response, S stub, BiFunction<S, Q, Iterator<A>> method) {
    Run run = (requests, timeout) -> method.apply(within(stub, timeout), (Q) requests.get(0));
    return Map.entry(name, new Call(request, response, run));
  }

  private static Map.Entry<String, Call> exchange(IngestionServiceStub stub) {
    Run run =
        (requests, timeout) -> {
          Answers answers = new Answers();
          StreamObserver<StreamEventsRequest> sending = within(stub, timeout).streamEvents(answers);
          requests.forEach(request -> sending.onNext((StreamEventsRequest) request));
          sending.onCompleted();
          return answers.read().iterator();
        };
    return Map.entry(
        "IngestionService/StreamEvents",
        new Call(StreamEventsRequest.getDefaultInstance(), StreamEventsResponse.getDefaultInstance(), run));
  }

  private static <S extends AbstractStub<S>> S within(S stub, Duration timeout) {
    return timeout == null ? stub : stub.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** The answers of a stream, all of them. */
  private static final class Answers implements StreamObserver<StreamEventsResponse> {
    private final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
    private final List<StreamEventsResponse> all = new java.util.ArrayList<>();

    @Override
    public void onNext(StreamEventsResponse answer) {
      all.add(answer);
    }

    @Override
    public void onError(Throwable thrown) {
      arrived.add(thrown);
    }

    @Override
    public void onCompleted() {
      arrived.add(all);
    }

    List<StreamEventsResponse> read() {
      try {
        if (arrived.take() instanceof RuntimeException thrown) {
          throw thrown;
        }
        return all;
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
    }
  }
}
