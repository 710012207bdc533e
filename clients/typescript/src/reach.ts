import { isIP } from "node:net";

/** The server that a client calls: what its errors name. */
export interface Target {
  address: string;
  tls: boolean;
  /** What stands between; see `proxyOf`. */
  proxy: string | undefined;
}

/** Of loopback: what is reserved (RFC 6761), and what the hosts files of Debian and Fedora have besides. */
const LOCAL_NAME = /^(?:(?:.*\.)?localhost|ip6-(?:localhost|loopback)|localhost[46]?\.localdomain[46]?|localhost[46])$/;

/** Whether the address is one of this host itself, to which no proxy leads. */
export function isLoopback(address: string): boolean {
  if (/^unix(-abstract)?:/.test(address)) return true;
  const path = address.replace(/^(?:dns|ipv4|ipv6):(?:\/\/[^/]*\/)?/, "");
  const bracketed = /^\[([^\]]*)\]/.exec(path)?.[1];
  const named = bracketed ?? (isIP(path) === 6 ? path : path.replace(/:\d+$/, ""));
  const host = named.toLowerCase().replace(/\.$/, "");
  if (LOCAL_NAME.test(host)) return true;
  if (isIP(host) === 4) return host.startsWith("127.");
  return isIP(host) === 6 && /^(?:::1|(?:0+:){7}0*1|::ffff:127\..*)$/.test(host);
}

/** The proxy that grpc-js has put in the place of the address: `dialled` is what its channel says that it connects to. */
export function proxyOf(address: string, dialled: string): string | undefined {
  const host = address.replace(/^.*\//, "").replace(/^dns:/, "");
  return isLoopback(address) || dialled.endsWith(host) ? undefined : dialled.replace(/^dns:/, "");
}

/** That no server answers, as a sentence that says what to do. */
export function unreachable({ address, tls, proxy }: Target, text: string): string {
  const why = text.replace(/^.*?Last error: /s, "").replace(/\. Resolution note:.*$/s, "");
  if (proxy !== undefined) return `${address} cannot be reached through the proxy ${proxy}, which the environment names (${why})`;
  if (/ECONNREFUSED/.test(why)) {
    return `no server listens at ${address}: is \`telwerkd serve\` running, and is the address right?`;
  }
  if (/name resolution|ENOTFOUND|EAI_AGAIN/i.test(why)) {
    return `the host of ${address} is not known: is the address right?`;
  }
  if (tls && /ssl|tls|certificate|handshake|ECONNRESET|disconnected|hang up|self-signed/i.test(why)) {
    return `no secure connection to ${address} (${why}): is TLS on there, and is its certificate to be trusted?`;
  }
  if (!tls && /ECONNRESET|Connection dropped|Failed to connect|protocol|hang up|ended|closed/i.test(why)) {
    return `the connection to ${address} ended before an answer (${why}): does the server want TLS (the option tls)?`;
  }
  return `the server at ${address} cannot be reached (${why})`;
}
