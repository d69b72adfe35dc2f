import { randomInt } from "node:crypto";
import { TroupeError } from "../core/index.ts";
import type { TransportParameters } from "../native/index.ts";
import type { IceRestart, PeerTransport } from "./PeerTransport.ts";
import { normalizeCandidate } from "./sdp/candidates.ts";
import type { Description, MediaLine, Setup, TransportAttributes } from "./sdp/parse.ts";
import { type WrittenLine, writeDescription } from "./sdp/write.ts";

/** How many candidates wait for the remote description, and how many are taken in all between restarts. */
const MAXIMUM_HELD_CANDIDATES = 64;
const MAXIMUM_REMOTE_CANDIDATES = 256;

/** What the engine side of a transport can take in one message when the transport does not say. */
const LOCAL_MAXIMUM_MESSAGE_SIZE = 262_144;
const SCTP_PORT = 5000;

/** Everything of a remote description that concerns the transport. */
export interface RemoteTransport {
  parameters: TransportParameters;
  mids: Set<string>;
}

/** The one transport under all m-lines: its parameters as SDP has them, and candidates in both directions. */
export class Bundle {
  readonly #transport: PeerTransport;
  readonly #sessionId = String(randomInt(2 ** 47));
  #version = 0;
  #remote: RemoteTransport | null = null;
  #held: [candidate: string, mid: string | undefined][] = [];
  readonly #remoteCandidates = new Set<string>();
  readonly #written = new Set<string>();
  #setup: "active" | "passive" | null = null;
  #localMid: string | null = null;
  #plannedRestart: IceRestart | null = null;
  /** Our side has restarted and the far side has not described itself since. */
  #restarting = false;
  gathered = false;

  constructor(transport: PeerTransport) {
    this.#transport = transport;
  }

  /** The mid that local candidates belong to; null before the first description. */
  get localMid(): string | null {
    return this.#localMid;
  }

  /** The largest message that the far side takes, in bytes; 0 before it said so. */
  get remoteMaximumMessageSize(): number {
    return this.#remote?.parameters.maxMessageSize ?? 0;
  }

  /** Writes a description of ours. `bundle` is false in an answer to an offer without a BUNDLE group. */
  write(lines: readonly WrittenLine[], options: { offer: boolean; bundle: boolean }): string {
    const local = this.#transport.localParameters();
    this.#localMid = lines.find(({ form }) => form !== "rejected")?.mid ?? null;
    for (const candidate of local.candidates) this.#written.add(candidate);
    this.#version += 1;
    return writeDescription({
      sessionId: this.#sessionId,
      version: this.#version,
      bundle: options.bundle,
      lines,
      iceUfrag: local.iceUfrag,
      icePwd: local.icePwd,
      fingerprint: local.fingerprint,
      setup: options.offer ? "actpass" : (this.#setup ?? "active"),
      candidates: local.candidates,
      gathered: this.gathered,
    });
  }

  /** An application m-line; `like` is the one that it answers. */
  applicationLine(mid: string, like?: MediaLine): WrittenLine {
    const local = this.#transport.localParameters();
    return {
      form: "application",
      mid,
      protocol: like?.protocol ?? "UDP/DTLS/SCTP",
      formats: like?.formats ?? "webrtc-datachannel",
      sctpPort: local.sctpPort || SCTP_PORT,
      maximumMessageSize: local.maxMessageSize || LOCAL_MAXIMUM_MESSAGE_SIZE,
    };
  }

  /** Whether a local candidate has to be told: it was in no description of ours. */
  isNews(candidate: string): boolean {
    if (this.#written.has(candidate)) return false;
    this.#written.add(candidate);
    return true;
  }

  /** Has the next description of ours restart ICE; nothing before there is a remote one. */
  planRestart(form: IceRestart): void {
    this.#plannedRestart = form;
  }

  /** Begins the restart that was planned, just before a description of ours is made. */
  beginRestart(): void {
    const form = this.#plannedRestart;
    this.#plannedRestart = null;
    if (form === null || !this.#remote) return;
    this.#transport.restartIce(form);
    this.#restarting = true;
    if (form === "new-sockets") this.gathered = false;
    this.#written.clear();
  }

  /**
   * Gives the far side's parameters to the transport, when they changed, and then the candidates that waited.
   *
   * @throws TroupeError INVALID_SDP when the transport cannot use them; nothing has changed then.
   */
  setRemote(remote: RemoteTransport, answering: boolean): void {
    const before = this.#remote?.parameters;
    if (!before || this.#restarting || !sameParameters(before, remote.parameters)) {
      // With another ufrag this restarts ICE on this side too, unless it has done so before.
      this.#transport.setRemoteParameters(remote.parameters);
      this.#restarting = false;
      if (before && before.iceUfrag !== remote.parameters.iceUfrag) {
        this.#remoteCandidates.clear();
        if (answering) this.#written.clear();
      }
      for (const candidate of remote.parameters.candidates) this.#remoteCandidates.add(candidate);
    } else {
      for (const candidate of remote.parameters.candidates) this.#add(candidate);
    }
    this.#remote = remote;
    this.#setup = remote.parameters.setup === "active" ? "passive" : "active";
    const held = this.#held;
    this.#held = [];
    for (const [candidate, mid] of held) this.addRemoteCandidate(candidate, mid);
  }

  /** Takes, holds or refuses a candidate of the far side; `""` ends them and needs nothing. */
  addRemoteCandidate(text: string, mid: string | undefined): boolean {
    if (text === "" || /^(a=)?end-of-candidates$/.test(text)) return true;
    const candidate = normalizeCandidate(text);
    if (candidate === null) return false;
    if (!this.#remote) {
      if (this.#held.length >= MAXIMUM_HELD_CANDIDATES) return false;
      this.#held.push([candidate, mid]);
      return true;
    }
    if (mid !== undefined && mid !== "" && !this.#remote.mids.has(mid)) return false;
    return this.#add(candidate);
  }

  #add(candidate: string): boolean {
    if (this.#remoteCandidates.has(candidate)) return true;
    if (this.#remoteCandidates.size >= MAXIMUM_REMOTE_CANDIDATES) return false;
    this.#remoteCandidates.add(candidate);
    return this.#transport.addRemoteCandidate(candidate);
  }

  /** The role that was agreed decides over what a later offer of the far side leaves open. */
  remoteSetup(offered: Setup | undefined): Setup {
    if (this.#setup && (offered ?? "actpass") === "actpass") {
      return this.#setup === "active" ? "passive" : "active";
    }
    // We take the active role where we may choose: it saves half a round trip (RFC 8842, section 5.3).
    return offered === "active" ? "active" : "passive";
  }
}

/**
 * Finds the transport of the bundle's m-lines: that of the first of them that has one.
 *
 * @param bundled the m-lines that are alive and in the bundle, in its order.
 */
export function remoteTransport(
  description: Description,
  bundled: readonly MediaLine[],
  setup: (offered: Setup | undefined) => Setup,
): RemoteTransport | null {
  if (bundled.length === 0) return null;
  const attributes = bundled.map(({ transport }) => transport).find(isComplete);
  if (!attributes) {
    throw new TroupeError("INVALID_SDP", "No m-line has ice-ufrag, ice-pwd and fingerprint");
  }
  const application = bundled.find(({ kind }) => kind === "application");
  const candidates = new Set(bundled.flatMap(({ transport }) => transport.candidates));
  return {
    mids: new Set(bundled.map(({ mid }) => mid)),
    parameters: {
      iceUfrag: attributes.iceUfrag,
      icePwd: attributes.icePwd,
      iceLite: description.iceLite,
      setup: setup(attributes.setup),
      fingerprint: attributes.fingerprint,
      candidates: [...candidates].slice(0, MAXIMUM_REMOTE_CANDIDATES),
      maxMessageSize: application ? application.maximumMessageSize : 0,
      sctpPort: application ? application.sctpPort : 0,
    },
  };
}

function isComplete(attributes: TransportAttributes): attributes is Required<TransportAttributes> {
  return attributes.iceUfrag !== undefined && !!attributes.icePwd && attributes.fingerprint !== undefined;
}

function sameParameters(a: TransportParameters, b: TransportParameters): boolean {
  return (
    a.iceUfrag === b.iceUfrag &&
    a.icePwd === b.icePwd &&
    a.setup === b.setup &&
    a.fingerprint.algorithm === b.fingerprint.algorithm &&
    a.fingerprint.value === b.fingerprint.value &&
    a.maxMessageSize === b.maxMessageSize &&
    a.sctpPort === b.sctpPort
  );
}
