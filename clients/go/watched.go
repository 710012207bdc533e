package telwerk

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"telwerk.io/go/telwerkv1"
)

// watched is a time series as its updates say it is now.
type watched struct {
	sparse bool
	answer *telwerkv1.QueryTimeSeriesResponse
}

// update is the whole answer after this update, as a query would give it; a copy, which later updates leave alone.
func (w *watched) update(update *telwerkv1.WatchTimeSeriesResponse) *telwerkv1.QueryTimeSeriesResponse {
	if snapshot := update.GetSnapshot(); snapshot != nil {
		w.answer = snapshot
	} else {
		w.change(update.GetChanges())
	}
	return proto.Clone(w.answer).(*telwerkv1.QueryTimeSeriesResponse)
}

func (w *watched) change(changes *telwerkv1.TimeSeriesChanges) {
	lines := map[string]*telwerkv1.Series{}
	for _, line := range w.answer.GetSeries() {
		lines[identity(line)] = line
	}
	for _, changed := range changes.GetSeries() {
		lines[identity(changed)] = w.merged(lines[identity(changed)], changed)
	}
	order := map[string]int{}
	for place, told := range changes.GetAnswers() {
		order[told.GetKpiId()] = place
	}
	kept := slices.Collect(maps.Values(lines))
	kept = slices.DeleteFunc(kept, func(line *telwerkv1.Series) bool {
		return proto.Size(line.GetKey()) > 0 && !slices.ContainsFunc(line.GetCounts(), func(n int64) bool { return n != 0 })
	})
	slices.SortFunc(kept, func(one, other *telwerkv1.Series) int {
		return cmp.Or(order[one.GetKpiId()]-order[other.GetKpiId()], compareKeys(one.GetKey(), other.GetKey()))
	})
	w.answer.Series = kept
	w.answer.Answers = changes.GetAnswers()
	w.answer.CompleteUntil = changes.GetCompleteUntil()
	w.answer.Names = mergedNames(w.answer.GetNames(), changes.GetNames())
}

// mergedNames is the display names after some have changed; an empty one is gone. By kind and id, as a query gives them.
func mergedNames(before, changed []*telwerkv1.DisplayName) []*telwerkv1.DisplayName {
	compare := func(one, other *telwerkv1.DisplayName) int {
		return cmp.Or(
			cmp.Compare(one.GetKind(), other.GetKind()),
			cmp.Compare(one.GetQuestionId(), other.GetQuestionId()),
			cmp.Compare(one.GetId(), other.GetId()),
		)
	}
	names := slices.Clone(before)
	for _, name := range changed {
		place, found := slices.BinarySearchFunc(names, name, compare)
		if found {
			names = slices.Delete(names, place, place+1)
		}
		if name.GetName() != "" {
			names = slices.Insert(names, place, name)
		}
	}
	return names
}

// merged is the line with its changed buckets, dense or sparse as it was asked for.
func (w *watched) merged(before, changed *telwerkv1.Series) *telwerkv1.Series {
	counts := column(before, before.GetCounts(), changed, changed.GetCounts())
	var indexes []int32
	if w.sparse {
		for _, index := range slices.Sorted(maps.Keys(counts)) {
			if counts[index] != 0 {
				indexes = append(indexes, index)
			}
		}
	} else {
		for index := range w.answer.GetBucketStartSeconds() {
			indexes = append(indexes, int32(index))
		}
	}
	made := &telwerkv1.Series{KpiId: changed.GetKpiId(), Key: changed.GetKey(), Counts: at(counts, indexes)}
	if w.sparse {
		made.BucketIndexes = indexes
	}
	if len(before.GetSums())+len(changed.GetSums()) > 0 {
		made.Sums = at(column(before, before.GetSums(), changed, changed.GetSums()), indexes)
	}
	made.Distribution = mergedDistribution(before, changed, indexes)
	return made
}

func mergedDistribution(before, changed *telwerkv1.Series, indexes []int32) []*telwerkv1.Distribution {
	old := map[string][]int64{}
	for _, part := range before.GetDistribution() {
		old[encoded(part.GetValue())] = part.GetCounts()
	}
	parts, isNew := changed.GetDistribution(), true
	if len(parts) == 0 {
		parts, isNew = before.GetDistribution(), false
	}
	var made []*telwerkv1.Distribution
	for _, part := range parts {
		var counts []int64
		if isNew {
			counts = part.GetCounts()
		}
		merged := column(before, old[encoded(part.GetValue())], changed, counts)
		made = append(made, &telwerkv1.Distribution{Value: part.GetValue(), Counts: at(merged, indexes)})
	}
	return made
}

// column has numbers by bucket: the old ones, and over them the new.
func column(before *telwerkv1.Series, old []int64, changed *telwerkv1.Series, changes []int64) map[int32]int64 {
	numbers := map[int32]int64{}
	for place, number := range old {
		index := int32(place)
		if indexes := before.GetBucketIndexes(); len(indexes) > 0 {
			index = indexes[place]
		}
		numbers[index] = number
	}
	for place, number := range changes {
		numbers[changed.GetBucketIndexes()[place]] = number
	}
	return numbers
}

func at(numbers map[int32]int64, indexes []int32) []int64 {
	made := make([]int64, len(indexes))
	for place, index := range indexes {
		made[place] = numbers[index]
	}
	return made
}

func identity(line *telwerkv1.Series) string {
	return line.GetKpiId() + "\x00" + encoded(line.GetKey())
}

func encoded(message proto.Message) string {
	// Fails only for text that is no UTF-8, which nothing that came over the wire has.
	bytes, _ := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	return string(bytes)
}

// compareKeys is the order of rows: by operator, group, widget, value, topic and question.
func compareKeys(one, other *telwerkv1.Key) int {
	return cmp.Or(
		strings.Compare(one.GetOperatorId(), other.GetOperatorId()),
		strings.Compare(one.GetOperatorGroupId(), other.GetOperatorGroupId()),
		strings.Compare(one.GetWidgetId(), other.GetWidgetId()),
		compareValues(one.GetValue(), other.GetValue()),
		strings.Compare(one.GetTopicId(), other.GetTopicId()),
		strings.Compare(one.GetQuestionId(), other.GetQuestionId()),
	)
}

// compareValues: rows of one KPI have values of one kind.
func compareValues(one, other *telwerkv1.Value) int {
	return cmp.Or(
		cmp.Compare(one.GetStars(), other.GetStars()),
		cmp.Compare(one.GetAction(), other.GetAction()),
		cmp.Compare(one.GetOfflineAssignment(), other.GetOfflineAssignment()),
		cmp.Compare(one.GetSender(), other.GetSender()),
		cmp.Compare(one.GetConversationEnd(), other.GetConversationEnd()),
		strings.Compare(one.GetGoalId(), other.GetGoalId()),
		slices.Compare(one.GetTopics().GetTopicIds(), other.GetTopics().GetTopicIds()),
		strings.Compare(one.GetAnswer().GetQuestionId(), other.GetAnswer().GetQuestionId()),
		strings.Compare(one.GetAnswer().GetOptionId(), other.GetAnswer().GetOptionId()),
	)
}
