package io.telwerk.conformance;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The file, as clients/conformance/README.md describes it. Gson leaves null what is absent. */
record Scenario(List<String> volatileNames, JsonObject let, List<Step> steps) {

  record Step(
      String name,
      String call,
      JsonObject request,
      List<JsonObject> requests,
      JsonObject response,
      List<JsonObject> responses,
      List<Step> between,
      Failure error,
      Map<String, String> save,
      boolean eventually,
      int timeoutMs,
      String pause,
      List<JsonObject> build,
      List<JsonObject> events,
      String sender,
      String accountId,
      Options options,
      Tally tally,
      List<Rejected> rejected,
      List<String> unsent) {

    List<JsonObject> allRequests() {
      return listed(request, requests);
    }

    List<JsonObject> allResponses() {
      return listed(response, responses);
    }

    private static List<JsonObject> listed(JsonObject one, List<JsonObject> several) {
      if (one != null) {
        return List.of(one);
      }
      return several == null ? List.of() : several;
    }
  }

  record Failure(String code, String reason, List<String> fields, List<String> says) {}

  /** How a sender works. */
  record Options(
      Integer batchEvents,
      Long batchBytes,
      Long lingerMs,
      Integer bufferEvents,
      Long bufferBytes,
      String whenFull,
      Integer calls) {}

  record Tally(long taken, long rejected) {}

  record Rejected(String eventId, String reason, String field) {}

  static Scenario read(Path path) throws IOException {
    JsonObject file = new Gson().fromJson(Files.readString(path), JsonObject.class);
    // The name is a word of Java's own.
    file.add("volatileNames", file.remove("volatile"));
    return new Gson().fromJson(file, Scenario.class);
  }
}
