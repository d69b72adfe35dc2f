import { TypedEvents } from "../../../src/core/index.ts";
import type {
  DataChannelOptions,
  EnginePeer,
  TransportParameters,
  TransportStats,
} from "../../../src/native/index.ts";
import type { NetworkLink } from "../../../src/testing/index.ts";
import { NativePeerTransport, type PeerTransport, Session } from "../../../src/webrtc/index.ts";

/** Leads a server's candidate elsewhere; undefined for one that would go around. */
export interface CandidateDetour {
  redirect(candidate: string): string | undefined;
}

/** Sessions whose packets go through a link to the server's one UDP port, as `createSession` of the driver's parts. */
export function sessionsThrough(link: NetworkLink, udpPort: number) {
  const { address, port } = link.address;
  const redirect = (candidate: string) => {
    const fields = candidate.split(" ");
    if (fields[2]?.toLowerCase() !== "udp" || fields[5] !== String(udpPort)) return undefined;
    fields[4] = address;
    fields[5] = String(port);
    return fields.join(" ");
  };
  return (_iceServers: unknown, _relayOnly: boolean, role: "offerer" | "answerer") =>
    new Session({ transport: new ProxiedTransport({ redirect }, role === "offerer"), role });
}

type Events = PeerTransport["events"] extends TypedEvents<infer Named> ? Named : never;

/** A transport whose one way to the server is through a proxy: neither side learns the other's own addresses. */
export class ProxiedTransport implements PeerTransport {
  readonly events = new TypedEvents<Events>();
  readonly #inner: NativePeerTransport;
  readonly #proxy: CandidateDetour;

  constructor(proxy: CandidateDetour, controlling = true) {
    this.#proxy = proxy;
    this.#inner = new NativePeerTransport({ controlling });
    this.#inner.events.on("gathered", () => this.events.emit("gathered"));
    this.#inner.events.on("state", (state, reason) => this.events.emit("state", state, reason));
    this.#inner.events.on("channel", (channel) => this.events.emit("channel", channel));
  }

  get state() {
    return this.#inner.state;
  }

  get sinceLastPacketMs() {
    return this.#inner.sinceLastPacketMs;
  }

  localParameters(): TransportParameters {
    return { ...this.#inner.localParameters(), candidates: [] };
  }

  setRemoteParameters(parameters: TransportParameters): void {
    const candidates = parameters.candidates.flatMap((one) => this.#proxy.redirect(one) ?? []);
    this.#inner.setRemoteParameters({ ...parameters, candidates });
  }

  addRemoteCandidate(candidate: string): boolean {
    const redirected = this.#proxy.redirect(candidate);
    return redirected !== undefined && this.#inner.addRemoteCandidate(redirected);
  }

  restartIce(form?: Parameters<PeerTransport["restartIce"]>[0]): void {
    this.#inner.restartIce(form);
  }

  attach(peer: EnginePeer): void {
    this.#inner.attach(peer);
  }

  openChannel(label: string, options?: Partial<DataChannelOptions>) {
    return this.#inner.openChannel(label, options);
  }

  probe(): void {
    this.#inner.probe();
  }

  stats(): TransportStats {
    return this.#inner.stats();
  }

  close(): void {
    this.#inner.close();
    this.events.removeAllListeners();
  }
}
