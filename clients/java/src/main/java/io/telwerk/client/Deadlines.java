package io.telwerk.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Gives every call that is no stream a deadline, unless it has one. */
record Deadlines(Duration timeout) implements ClientInterceptor {

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    boolean unbounded = options.getDeadline() == null && method.getType() == MethodDescriptor.MethodType.UNARY;
    return next.newCall(
        method, unbounded ? options.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS) : options);
  }
}
