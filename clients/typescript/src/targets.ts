import { isIP } from "node:net";

import { isLoopback } from "./reach.js";

/** The addresses that stand in one, with commas between them. */
function addressesOf(address: string): string[] {
  return address.split(",").map((one) => one.trim());
}

/** What grpc-js connects to. Throws a RangeError for several addresses that are not all of IPv4, or all of IPv6. */
export function targetOf(address: string): string {
  const addresses = addressesOf(address);
  if (addresses.length === 1) return address;
  const versions = new Set(addresses.map(versionOf));
  const [version] = versions;
  if (versions.size !== 1 || version === 0) {
    throw new RangeError(
      `"${address}": several addresses must all be IPv4:port, or all [IPv6]:port; where the servers have names, give ` +
        "them one name and connect to dns:///name:port",
    );
  }
  return `ipv${version}:${addresses.join(",")}`;
}

/** The service config: calls to several servers go to all of them in turn, and to none that is away. */
export function configOf(address: string, config: string): string {
  const isBalanced = addressesOf(address).length > 1 || address.startsWith("dns:");
  return isBalanced ? JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }], ...JSON.parse(config) }) : config;
}

/** Whether a proxy may lead there: not to this host itself, nor to several addresses. */
export function mayHaveProxy(address: string): boolean {
  return addressesOf(address).length === 1 && !isLoopback(address);
}

function versionOf(address: string): number {
  const host = /^(.*):\d{1,5}$/.exec(address)?.[1] ?? "";
  return isIP(host.replace(/^\[([^\]]*)\]$/, "$1"));
}
