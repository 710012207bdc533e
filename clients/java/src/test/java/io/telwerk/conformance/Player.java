package io.telwerk.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import io.telwerk.client.Telwerk;
import io.telwerk.client.TelwerkError;
import io.telwerk.conformance.Calls.Call;
import io.telwerk.conformance.Scenario.Failure;
import io.telwerk.conformance.Scenario.Step;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Plays a conformance scenario (clients/conformance/README.md) through the Java client: {@code Player SCENARIO ADDRESS
 * [CA_FILE]}.
 *
 * <p>An API key is taken from TELWERK_API_KEY. Prints a line per step; ends with 1 if one went otherwise than told.
 */
final class Player {
  private static final Duration STREAM_TIMEOUT = Duration.ofSeconds(60);
  private static final long EVENTUALLY_TIMEOUT_MS = 60_000;
  private static final long EVENTUALLY_PAUSE_MS = 100;

  private final Telwerk telwerk;
  private final Sending sending = new Sending();
  private final Map<String, Call> calls;
  private final List<String> volatileNames;
  private final JsonObject named;

  private Player(Telwerk telwerk, Scenario scenario) {
    this.telwerk = telwerk;
    this.calls = Calls.of(telwerk);
    this.volatileNames = scenario.volatileNames();
    this.named = scenario.let() == null ? new JsonObject() : scenario.let();
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length < 2) {
      System.err.println("usage: Player SCENARIO ADDRESS [CA_FILE]");
      System.exit(2);
    }
    Scenario scenario = Scenario.read(Path.of(arguments[0]));
    boolean ok;
    try (Telwerk telwerk = connected(arguments)) {
      Player player = new Player(telwerk, scenario);
      ok = player.playAll(scenario.steps());
      player.sending.end();
    }
    System.exit(ok ? 0 : 1);
  }

  private static Telwerk connected(String[] arguments) throws IOException {
    Telwerk.Builder builder = Telwerk.builder(arguments[1]);
    if (arguments.length > 2) {
      builder.tls(new File(arguments[2]));
    }
    String key = System.getenv("TELWERK_API_KEY");
    if (key != null) {
      builder.apiKey(key);
    }
    return builder.build();
  }

  private boolean playAll(List<Step> steps) throws Exception {
    boolean ok = true;
    for (Step step : steps) {
      try {
        playUntilRight(step);
        System.out.println("ok " + step.name());
      } catch (Wrong | StatusRuntimeException wrong) {
        System.out.println("FAILED " + step.name() + "\n" + wrong.getMessage());
        ok = false;
      }
    }
    return ok;
  }

  /** Plays a step once, or again and again where it says that it holds eventually. */
  private void playUntilRight(Step step) throws Exception {
    long end = System.currentTimeMillis() + EVENTUALLY_TIMEOUT_MS;
    while (true) {
      try {
        play(step);
        return;
      } catch (Wrong wrong) {
        if (!step.eventually() || System.currentTimeMillis() > end) {
          throw wrong;
        }
        Thread.sleep(EVENTUALLY_PAUSE_MS);
      }
    }
  }

  private void play(Step step) throws Exception {
    if (step.pause() != null) {
      pause(step.pause());
    } else if (step.sender() != null) {
      playSender(step);
    } else if (step.build() != null) {
      throwIfDifferent(Building.difference(step.build(), step.events()));
    } else {
      playCall(step);
    }
  }

  /** Asks the one who plays to do something, and waits for a line that says that it is done. */
  private static void pause(String what) throws IOException {
    System.out.println("pause " + what);
    while (System.in.read() != '\n') {
      // The line says nothing more.
    }
  }

  private void playSender(Step step) throws Exception {
    try {
      throwIfDifferent(sending.play(telwerk, step));
    } catch (StatusRuntimeException thrown) {
      if (step.error() == null) {
        throw thrown;
      }
      compareError(step.error(), TelwerkError.of(thrown));
    }
  }

  private static void throwIfDifferent(String difference) throws Wrong {
    if (difference != null) {
      throw new Wrong(difference);
    }
  }

  private void playCall(Step step) throws Exception {
    Call call = calls.get(step.call());
    if (call == null) {
      throw new Wrong("there is no call " + step.call());
    }
    // What is read no further is cancelled.
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      context.call(() -> compareAnswers(step, call));
    } catch (StatusRuntimeException thrown) {
      if (step.error() == null) {
        throw thrown;
      }
      compareError(step.error(), TelwerkError.of(thrown));
      return;
    }
    if (step.error() != null) {
      throw new Wrong("expected " + step.error() + ", got answers");
    }
  }

  private Void compareAnswers(Step step, Call call) throws Exception {
    List<JsonObject> expected = step.allResponses();
    Iterator<? extends Message> answers = call.run().apply(requests(step, call), timeout(step));
    int seen = 0;
    while (answers.hasNext()) {
      Message answer = answers.next();
      if (seen == expected.size()) {
        throw new Wrong("one answer too many: " + answer);
      }
      compare(parsed(call.response(), expected.get(seen)), answer, step.save());
      seen++;
      if (step.between() != null) {
        if (seen == expected.size()) {
          return null;
        }
        if (!playAll(step.between())) {
          throw new Wrong("what happens between the answers went wrong");
        }
      }
    }
    if (seen != expected.size()) {
      throw new Wrong(seen + " answers came of " + expected.size());
    }
    return null;
  }

  private static Duration timeout(Step step) {
    if (step.timeoutMs() > 0) {
      return Duration.ofMillis(step.timeoutMs());
    }
    return step.responses() == null ? null : STREAM_TIMEOUT;
  }

  /** The requests, with what has a name in the place of it. */
  private List<Message> requests(Step step, Call call) throws InvalidProtocolBufferException {
    List<Message> requests = new ArrayList<>();
    for (JsonObject request : step.allRequests()) {
      String text = request.toString();
      for (Map.Entry<String, JsonElement> one : named.entrySet()) {
        text = text.replace("\"$" + one.getKey() + "\"", one.getValue().toString());
      }
      requests.add(parsed(call.request(), JsonParser.parseString(text).getAsJsonObject()));
    }
    return requests;
  }

  private static Message parsed(Message empty, JsonObject json) throws InvalidProtocolBufferException {
    Message.Builder builder = empty.newBuilderForType();
    JsonFormat.parser().merge(json.toString(), builder);
    return builder.build();
  }

  private void compare(Message expected, Message answer, Map<String, String> save) throws Exception {
    JsonObject want = json(expected);
    JsonObject got = json(answer);
    for (Map.Entry<String, String> one : (save == null ? Map.<String, String>of() : save).entrySet()) {
      JsonElement value = got.remove(one.getValue());
      if (value == null) {
        throw new Wrong("there is no " + one.getValue() + " to save");
      }
      named.add(one.getKey(), value);
    }
    JsonElement wanted = lasting(want);
    JsonElement lasting = lasting(got);
    if (!wanted.equals(lasting)) {
      throw new Wrong("  expected " + wanted + "\n  got      " + lasting);
    }
  }

  private static JsonObject json(Message message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(JsonFormat.printer().print(message)).getAsJsonObject();
  }

  /** The JSON without what differs from run to run. */
  private JsonElement lasting(JsonElement value) {
    if (value instanceof JsonArray array) {
      JsonArray kept = new JsonArray();
      array.forEach(inner -> kept.add(lasting(inner)));
      return kept;
    }
    if (value instanceof JsonObject object) {
      JsonObject kept = new JsonObject();
      object.entrySet().stream()
          .filter(one -> !volatileNames.contains(one.getKey()))
          .forEach(one -> kept.add(one.getKey(), lasting(one.getValue())));
      return kept;
    }
    return value instanceof JsonPrimitive primitive && primitive.isNumber()
        ? new JsonPrimitive(primitive.getAsDouble())
        : value;
  }

  private static void compareError(Failure expected, TelwerkError error) throws Wrong {
    List<String> fields = error.violations().stream().map(TelwerkError.Violation::field).toList();
    for (String said : expected.says() == null ? List.<String>of() : expected.says()) {
      throwIfDifferent(error.message().contains(said) ? null : "  expected " + said + "\n  in       " + error.message());
    }
    Failure got = new Failure(error.code().name(), error.reason(), fields, expected.says());
    if (!got.equals(expected)) {
      throw new Wrong("  expected " + expected + "\n  got      " + got);
    }
  }

  /** A step went otherwise than told. */
  private static final class Wrong extends Exception {
    private static final long serialVersionUID = 1L;

    Wrong(String message) {
      super(message);
    }
  }
}
