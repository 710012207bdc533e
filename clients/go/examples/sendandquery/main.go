// Sends what happened in a chat, and asks for its rating.
//
//	go run ./examples/sendandquery [ADDRESS]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	telwerk "telwerk.io/go"
	"telwerk.io/go/telwerkv1"
)

func main() {
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	client, err := telwerk.New(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	if err := send(ctx, client); err != nil {
		log.Fatal(err)
	}
	if err := query(ctx, client); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, client *telwerk.Client) error {
	nine := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	answer, err := client.Ingestion.IngestEvents(ctx, &telwerkv1.IngestEventsRequest{
		AccountId: "acme",
		Events: []*telwerkv1.Event{
			{
				// From the chat platform, where it is unique in the conversation: sent again, it counts once.
				EventId: "1", ConversationId: "chat-1", WidgetId: "web", OccurTime: timestamppb.New(nine),
				Kind: &telwerkv1.Event_OperatorAssigned{
					OperatorAssigned: &telwerkv1.OperatorAssigned{OperatorId: "anna", OperatorGroupId: "sales"},
				},
			},
			{
				EventId: "2", ConversationId: "chat-1", WidgetId: "web", OccurTime: timestamppb.New(nine.Add(10 * time.Minute)),
				Kind: &telwerkv1.Event_ConversationRated{ConversationRated: &telwerkv1.ConversationRated{Stars: 5}},
			},
		},
	})
	if err != nil {
		if failure, ok := telwerk.FromError(err); ok {
			log.Printf("refused: %s %v", failure.Reason, failure.Violations)
		}
		return err
	}
	for _, rejection := range answer.GetRejections() {
		log.Printf("event %s: %s", rejection.GetEventId(), rejection.GetMessage())
	}
	fmt.Println(answer.GetAcceptedCount(), "accepted,", answer.GetDuplicateCount(), "there already")
	return nil
}

func query(ctx context.Context, client *telwerk.Client) error {
	answer, err := client.Kpis.QueryTotals(ctx, &telwerkv1.QueryTotalsRequest{
		AccountId: "acme",
		KpiIds:    []string{"satisfaction_score"},
		Range: &telwerkv1.TimeRange{Bounds: &telwerkv1.TimeRange_Dates{Dates: &telwerkv1.DateRange{
			StartDate: &telwerkv1.CalendarDate{Year: 2026, Month: 1, Day: 5},
			EndDate:   &telwerkv1.CalendarDate{Year: 2026, Month: 1, Day: 6},
		}}},
	})
	if err != nil {
		return err
	}
	for _, total := range answer.GetTotals() {
		fmt.Printf("%d rated, %.1f stars on average\n", total.GetCount(), total.GetMean())
	}
	return nil
}
