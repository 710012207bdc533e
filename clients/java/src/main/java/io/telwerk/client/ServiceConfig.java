package io.telwerk.client;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;

/** Which calls are tried again, and when: the same file in every language. */
final class ServiceConfig {

  private ServiceConfig() {}

  /** As gRPC takes it. */
  static Map<String, ?> read() {
    InputStream file = Objects.requireNonNull(ServiceConfig.class.getResourceAsStream("service_config.json"));
    try (Reader reader = new InputStreamReader(file, StandardCharsets.UTF_8)) {
      return new Gson().fromJson(reader, new TypeToken<Map<String, Object>>() {}.getType());
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }
}
