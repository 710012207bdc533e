import { isIP } from "node:net";

/** The server that a client calls: what its errors name. */
export interface Target {
  address: string;
  tls: boolean;
  /** What stands between; see `proxyOf`. */
  proxy: string | undefined;
  /** Set by the first answer: that a connection ends says nothing of TLS any more. */
  hasAnswered: boolean;
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

const TOO_OLD = /max[_ ](?:connection[_ ])?age/;
const BROKEN = /Connection dropped|ECONNRESET|ETIMEDOUT|EPIPE|Write failed/;
const BAD_TLS = /ssl|tls|certificate|handshake|self-signed/i;

/** That no server answers, as a sentence that says what to do. */
export function unreachable({ address, tls, proxy, hasAnswered }: Target, text: string): string {
  const why = text.replace(/^.*?Last error: /s, "").replace(/\. Resolution note:.*$/s, "");
  if (TOO_OLD.test(why)) {
    const because = `because of its age, which the server's connection_age_seconds bounds (${why})`;
    return `the connection to ${address} ended ${because}: call again`;
  }
  // A connection is established once a server of gRPC was heard on it.
  if (!text.includes("No connection established") && BROKEN.test(why)) {
    return `the connection to ${address} ended while a call was running (${why}): call again`;
  }
  if (proxy !== undefined) return `${address} cannot be reached through the proxy ${proxy}, which the environment names (${why})`;
  if (/ECONNREFUSED/.test(why)) {
    return `no server listens at ${address}: is \`telwerkd serve\` running, and is the address right?`;
  }
  if (/name resolution|ENOTFOUND|EAI_AGAIN/i.test(why)) {
    return `the host of ${address} is not known: is the address right?`;
  }
  if (tls && (BAD_TLS.test(why) || (!hasAnswered && /ECONNRESET|disconnected|hang up/i.test(why)))) {
    return `no secure connection to ${address} (${why}): is TLS on there, and is its certificate to be trusted?`;
  }
  if (!tls && !hasAnswered && /ECONNRESET|Connection dropped|Failed to connect|protocol|hang up|ended|closed/i.test(why)) {
    return `the connection to ${address} ended before an answer (${why}): does the server want TLS (the option tls)?`;
  }
  return `the server at ${address} cannot be reached (${why})`;
}
