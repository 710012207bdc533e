/**
 * Sends what happened in a chat, and asks for its rating.
 *
 *     node dist/examples/send_and_query.js [ADDRESS]
 */

import { timestampFromDate } from "@bufbuild/protobuf/wkt";

import { Telwerk, TelwerkError } from "../src/index.js";

const telwerk = new Telwerk(process.argv[2] ?? "127.0.0.1:50051");
try {
  await send();
  await query();
} catch (error) {
  if (!(error instanceof TelwerkError)) throw error;
  console.error(`refused: ${error.reason} ${error.message}`);
  process.exitCode = 1;
} finally {
  telwerk.close();
}

async function send(): Promise<void> {
  const answer = await telwerk.ingestion.ingestEvents({
    accountId: "acme",
    events: [
      {
        // From the chat platform, where it is unique in the conversation: sent again, it counts once.
        eventId: "1",
        conversationId: "chat-1",
        widgetId: "web",
        occurTime: timestampFromDate(new Date("2026-01-05T09:00:00Z")),
        kind: { case: "operatorAssigned", value: { operatorId: "anna", operatorGroupId: "sales" } },
      },
      {
        eventId: "2",
        conversationId: "chat-1",
        widgetId: "web",
        occurTime: timestampFromDate(new Date("2026-01-05T09:10:00Z")),
        kind: { case: "conversationRated", value: { stars: 5 } },
      },
    ],
  });
  for (const { eventId, message } of answer.rejections) console.error(`event ${eventId}: ${message}`);
  console.log(`${answer.acceptedCount} accepted, ${answer.duplicateCount} there already`);
}

async function query(): Promise<void> {
  const answer = await telwerk.kpis.queryTotals({
    accountId: "acme",
    kpiIds: ["satisfaction_score"],
    range: {
      bounds: {
        case: "dates",
        value: { startDate: { year: 2026, month: 1, day: 5 }, endDate: { year: 2026, month: 1, day: 6 } },
      },
    },
  });
  for (const { count, mean } of answer.totals) console.log(`${count} rated, ${mean?.toFixed(1)} stars on average`);
}
