import { isIP } from "node:net";

/** Longest candidate that is looked at, in characters. */
const MAXIMUM_LENGTH = 1024;

/** The fields of a candidate attribute (RFC 8839, section 5.1). */
export interface Candidate {
  foundation: string;
  component: number;
  /** `udp` or `tcp`. */
  protocol: string;
  priority: number;
  address: string;
  port: number;
  type: "host" | "srflx" | "prflx" | "relay";
  relatedAddress?: string;
  relatedPort?: number;
  /** RFC 6544: `active`, `passive` or `so`. */
  tcpType?: string;
}

const TYPES = ["host", "srflx", "prflx", "relay"];

/** Takes `a=` off and gives the value as `candidate:...`; null when it cannot be one. */
export function normalizeCandidate(text: string): string | null {
  if (text.length > MAXIMUM_LENGTH) return null;
  const value = text.trim().replace(/^a=/, "");
  return parseCandidate(value) ? value : null;
}

/** Null when `value` is not a candidate attribute's value. The address may be a name ending in `.local`. */
export function parseCandidate(value: string): Candidate | null {
  if (value.length > MAXIMUM_LENGTH || !value.startsWith("candidate:")) return null;
  const parts = value.slice("candidate:".length).split(/ +/);
  const [foundation, component, protocol, priority, address, port, typ, type, ...rest] = parts;
  if (!foundation || !/^[A-Za-z0-9+/]{1,32}$/.test(foundation) || typ !== "typ") return null;
  if (!protocol || !address || !isAddress(address) || !type || !TYPES.includes(type)) return null;
  const numbers = [component, priority, port].map((text) =>
    /^\d{1,10}$/.test(text ?? "") ? Number(text) : -1,
  );
  const [componentNumber = -1, priorityNumber = -1, portNumber = -1] = numbers;
  if (componentNumber < 1 || priorityNumber < 0 || portNumber < 0 || portNumber > 65_535) return null;
  return {
    foundation,
    component: componentNumber,
    protocol: protocol.toLowerCase(),
    priority: priorityNumber,
    address,
    port: portNumber,
    type: type as Candidate["type"],
    ...extensions(rest),
  };
}

/** What may follow the type: names and values in turn. */
function extensions(parts: readonly string[]): Pick<Candidate, "relatedAddress" | "relatedPort" | "tcpType"> {
  const valueAfter = (name: string) => {
    const at = parts.findIndex((part, index) => index % 2 === 0 && part === name);
    return at < 0 ? undefined : parts[at + 1];
  };
  const [relatedAddress, relatedPort, tcpType] = ["raddr", "rport", "tcptype"].map(valueAfter);
  return {
    ...(relatedAddress && isAddress(relatedAddress) ? { relatedAddress } : {}),
    ...(relatedPort && /^\d{1,5}$/.test(relatedPort) ? { relatedPort: Number(relatedPort) } : {}),
    ...(tcpType ? { tcpType } : {}),
  };
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0 || /^[A-Za-z0-9.-]{1,253}$/.test(text);
}
