/** Where packets go. */
export interface UdpAddress {
  /** An IPv4 address. */
  address: string;
  port: number;
}

/** A line of SDP with a candidate attribute (RFC 8839, section 5.1). */
const CANDIDATE_LINE = /^a=candidate:\S+ (\d+) (\S+) \d+ (\S+) (\d+) typ .*(?:\r?\n|$)/gm;
const UDP = /^udp$/i;
const LOOPBACK = /^127\./;
const IPV4 = /^[\d.]+$/;
/** That of the only host candidate (RFC 8445, section 5.1.2.1). */
const PRIORITY = 2_130_706_431;

/**
 * Puts one candidate, that of a relay, in place of all candidates of an SDP, so that its reader has no other way than
 * through the relay.
 *
 * @returns the changed SDP, and the address that the relay should send to: a loopback one if there is any, since
 * relays are bound to loopback. Undefined when the SDP names no IPv4 address for UDP; it is unchanged then.
 */
export function replaceCandidates(
  sdp: string,
  relay: UdpAddress,
): { sdp: string; target: UdpAddress | undefined } {
  const addresses: UdpAddress[] = [];
  for (const [, component, protocol, address, port] of sdp.matchAll(CANDIDATE_LINE))
    if (component === "1" && UDP.test(protocol!) && IPV4.test(address!))
      addresses.push({ address: address!, port: Number(port) });
  const target = addresses.find(({ address }) => LOOPBACK.test(address)) ?? addresses[0];
  if (!target) return { sdp, target };
  const line = `a=candidate:1 1 udp ${PRIORITY} ${relay.address} ${relay.port} typ host\r\n`;
  const sections = sdp.split(/^(?=m=)/m).map((section) => {
    const bare = removeCandidates(section);
    // Where the first one stood: attributes follow each other in any order.
    return bare === section ? section : bare + line;
  });
  return { sdp: sections.join(""), target };
}

/** Takes every candidate out of an SDP: its reader learns the way from the packets that come (RFC 8445, 7.3.1.3). */
export function removeCandidates(sdp: string): string {
  return sdp.replace(CANDIDATE_LINE, "");
}
