package io.telwerk.client;

import com.google.protobuf.ByteString;
import io.telwerk.v1.DisplayName;
import io.telwerk.v1.Distribution;
import io.telwerk.v1.Key;
import io.telwerk.v1.QueryTimeSeriesResponse;
import io.telwerk.v1.Series;
import io.telwerk.v1.TimeSeriesChanges;
import io.telwerk.v1.Value;
import io.telwerk.v1.WatchTimeSeriesResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/** A time series as its updates say it is now. */
final class Watched {
  /** By bytes, as the server does. */
  private static final Comparator<String> TEXTS =
      (one, other) ->
          Arrays.compareUnsigned(one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));

  /** Rows of one KPI have values of one kind. */
  private static final Comparator<Value> VALUES =
      Comparator.comparingInt(Value::getStars)
          .thenComparingInt(Value::getActionValue)
          .thenComparingInt(Value::getOfflineAssignmentValue)
          .thenComparingInt(Value::getSenderValue)
          .thenComparingInt(Value::getConversationEndValue)
          .thenComparing(Value::getGoalId, TEXTS)
          .thenComparing(value -> value.getTopics().getTopicIdsList(), Watched::compareTopics)
          .thenComparing(value -> value.getAnswer().getQuestionId(), TEXTS)
          .thenComparing(value -> value.getAnswer().getOptionId(), TEXTS);

  /** The order of rows: by operator, group, widget, value, topic and question. */
  private static final Comparator<Key> KEYS =
      Comparator.comparing(Key::getOperatorId, TEXTS)
          .thenComparing(Key::getOperatorGroupId, TEXTS)
          .thenComparing(Key::getWidgetId, TEXTS)
          .thenComparing(Key::getValue, VALUES)
          .thenComparing(Key::getTopicId, TEXTS)
          .thenComparing(Key::getQuestionId, TEXTS);

  /** Whose a display name is. */
  private static final Comparator<DisplayName> NAMES =
      Comparator.comparingInt(DisplayName::getKindValue)
          .thenComparing(DisplayName::getQuestionId, TEXTS)
          .thenComparing(DisplayName::getId, TEXTS);

  private final boolean sparse;
  private QueryTimeSeriesResponse answer = QueryTimeSeriesResponse.getDefaultInstance();

  Watched(boolean sparse) {
    this.sparse = sparse;
  }

  /** What makes a line the same line. */
  private record Identity(String kpi, ByteString key) {
    static Identity of(Series line) {
      return new Identity(line.getKpiId(), line.getKey().toByteString());
    }
  }

  /** The whole answer after this update, as a query would give it. */
  QueryTimeSeriesResponse update(WatchTimeSeriesResponse update) {
    answer = update.hasSnapshot() ? update.getSnapshot() : changed(update.getChanges());
    return answer;
  }

  private QueryTimeSeriesResponse changed(TimeSeriesChanges changes) {
    Map<Identity, Series> lines = new LinkedHashMap<>();
    answer.getSeriesList().forEach(line -> lines.put(Identity.of(line), line));
    for (Series line : changes.getSeriesList()) {
      lines.put(Identity.of(line), merged(lines.getOrDefault(Identity.of(line), Series.getDefaultInstance()), line));
    }
    Map<String, Integer> order = new HashMap<>();
    changes.getAnswersList().forEach(told -> order.putIfAbsent(told.getKpiId(), order.size()));
    Comparator<Series> byKpi = Comparator.comparingInt(line -> order.getOrDefault(line.getKpiId(), 0));
    List<Series> kept =
        lines.values().stream()
            .filter(line -> isOfAll(line) || line.getCountsList().stream().anyMatch(count -> count != 0))
            .sorted(byKpi.thenComparing(Series::getKey, KEYS))
            .toList();
    return answer.toBuilder()
        .clearSeries()
        .addAllSeries(kept)
        .clearAnswers()
        .addAllAnswers(changes.getAnswersList())
        .setCompleteUntil(changes.getCompleteUntil())
        .clearNames()
        .addAllNames(mergedNames(answer.getNamesList(), changes.getNamesList()))
        .build();
  }

  /** The display names after some have changed; an empty one is gone. By kind and id, as a query gives them. */
  private static List<DisplayName> mergedNames(List<DisplayName> before, List<DisplayName> changed) {
    Map<DisplayName, DisplayName> names = new TreeMap<>(NAMES);
    before.forEach(name -> names.put(name, name));
    for (DisplayName name : changed) {
      names.remove(name);
      if (!name.getName().isEmpty()) {
        names.put(name, name);
      }
    }
    return List.copyOf(names.values());
  }

  private static boolean isOfAll(Series line) {
    return line.getKey().getSerializedSize() == 0;
  }

  /** The line with its changed buckets, dense or sparse as it was asked for. */
  private Series merged(Series before, Series changed) {
    Map<Integer, Long> counts = column(before, before.getCountsList(), changed, changed.getCountsList());
    List<Integer> indexes =
        sparse
            ? counts.entrySet().stream().filter(one -> one.getValue() != 0).map(Map.Entry::getKey).toList()
            : IntStream.range(0, answer.getBucketStartSecondsCount()).boxed().toList();
    Function<Map<Integer, Long>, List<Long>> at =
        numbers -> indexes.stream().map(index -> numbers.getOrDefault(index, 0L)).toList();
    Series.Builder made = Series.newBuilder().setKpiId(changed.getKpiId()).setKey(changed.getKey());
    made.addAllBucketIndexes(sparse ? indexes : List.of()).addAllCounts(at.apply(counts));
    if (before.getSumsCount() + changed.getSumsCount() > 0) {
      made.addAllSums(at.apply(column(before, before.getSumsList(), changed, changed.getSumsList())));
    }
    return made.addAllDistribution(mergedDistribution(before, changed, at)).build();
  }

  private static List<Distribution> mergedDistribution(
      Series before, Series changed, Function<Map<Integer, Long>, List<Long>> at) {
    Map<Value, List<Long>> old = new HashMap<>();
    before.getDistributionList().forEach(part -> old.put(part.getValue(), part.getCountsList()));
    boolean isNew = changed.getDistributionCount() > 0;
    List<Distribution> made = new ArrayList<>();
    for (Distribution part : (isNew ? changed : before).getDistributionList()) {
      List<Long> counts = isNew ? part.getCountsList() : List.of();
      Map<Integer, Long> merged = column(before, old.getOrDefault(part.getValue(), List.of()), changed, counts);
      made.add(Distribution.newBuilder().setValue(part.getValue()).addAllCounts(at.apply(merged)).build());
    }
    return made;
  }

  /** Numbers by bucket: the old ones, and over them the new. */
  private static Map<Integer, Long> column(Series before, List<Long> old, Series changed, List<Long> changes) {
    Map<Integer, Long> numbers = new TreeMap<>();
    for (int place = 0; place < old.size(); place++) {
      numbers.put(before.getBucketIndexesCount() == 0 ? place : before.getBucketIndexes(place), old.get(place));
    }
    for (int place = 0; place < changes.size(); place++) {
      numbers.put(changed.getBucketIndexes(place), changes.get(place));
    }
    return numbers;
  }

  private static int compareTopics(List<String> one, List<String> other) {
    for (int place = 0; place < Math.min(one.size(), other.size()); place++) {
      int order = TEXTS.compare(one.get(place), other.get(place));
      if (order != 0) {
        return order;
      }
    }
    return one.size() - other.size();
  }
}
