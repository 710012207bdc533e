package io.telwerk.client;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** What gRPC is told of an address: a server, or several that share the calls. */
final class Targets {
  private static final String SCHEME = "telwerk";

  private Targets() {}

  static {
    NameResolverRegistry.getDefaultRegistry().register(new Provider());
  }

  /** The addresses that stand in one, with commas between them. */
  static List<String> addressesOf(String address) {
    return Arrays.stream(address.split(",")).map(String::strip).toList();
  }

  /** Whether calls go to several servers in turn: those named, or all that one name leads to. */
  static boolean isBalanced(String address) {
    return address.contains(",") || address.startsWith("dns:");
  }

  /** The target for gRPC. */
  static String targetOf(String address) {
    List<String> addresses = addressesOf(address);
    if (addresses.size() == 1) {
      return address;
    }
    addresses.forEach(Targets::socketAddress);
    try {
      return new URI(SCHEME, "", "/" + String.join(",", addresses), null).toString();
    } catch (URISyntaxException wrong) {
      throw new IllegalArgumentException(wrong);
    }
  }

  private static InetSocketAddress socketAddress(String address) {
    int colon = address.lastIndexOf(':');
    try {
      String host = address.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
      return new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
    } catch (IndexOutOfBoundsException | IllegalArgumentException wrong) {
      throw new IllegalArgumentException("\"" + address + "\" is no host:port, as each of several addresses must be");
    }
  }

  /** Knows the servers already. */
  private static final class Known extends NameResolver {
    private final List<String> addresses;

    Known(List<String> addresses) {
      this.addresses = addresses;
    }

    @Override
    public String getServiceAuthority() {
      return addresses.get(0);
    }

    @Override
    public void start(Listener2 listener) {
      List<EquivalentAddressGroup> servers = addresses.stream().map(Known::server).toList();
      listener.onResult(ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromValue(servers)).build());
    }

    /** With TLS each server shows a certificate of its own. */
    private static EquivalentAddressGroup server(String address) {
      Attributes named =
          Attributes.newBuilder().set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address).build();
      return new EquivalentAddressGroup(socketAddress(address), named);
    }

    @Override
    public void shutdown() {}
  }

  private static final class Provider extends NameResolverProvider {
    // Below that of DNS (5), so that it is not the default.
    private static final int PRIORITY = 4;

    @Override
    public String getDefaultScheme() {
      return SCHEME;
    }

    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
      return SCHEME.equals(target.getScheme()) ? new Known(addressesOf(target.getPath().substring(1))) : null;
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return PRIORITY;
    }

    @Override
    public Collection<Class<? extends SocketAddress>> getProducedSocketAddressTypes() {
      return Set.of(InetSocketAddress.class);
    }
  }
}
