import { TroupeError } from "../core/index.ts";
import { remoteTransport } from "./Bundle.ts";
import { type Changes, noChanges, note, type SessionParts } from "./SessionParts.ts";
import { defaultCodecs, intersectCodecs, PayloadTypes } from "./sdp/codecs.ts";
import { type HeaderExtension, offeredExtensions } from "./sdp/extensions.ts";
import { type Description, type MediaLine, parseDescription } from "./sdp/parse.ts";
import type { WrittenLine } from "./sdp/write.ts";
import { type Agreement, directionOf, receives, type SessionTransceiver, sends } from "./Transceiver.ts";
import type { Direction, MediaKind, SdpCodec, TransceiverOptions } from "./types.ts";

const MEDIA_PROTOCOL = "UDP/TLS/RTP/SAVPF";
/** One more than libwebrtc or Pion will ever be asked for in a room; a bound against a runaway caller. */
const MAXIMUM_LINES = 2000;

/** An m-line of ours. Its place never changes; what it carries may. */
interface OwnLine {
  kind: MediaKind | "application";
  mid: string;
  transceiver: SessionTransceiver | null;
  codecs: SdpCodec[];
  agreedExtensions: HeaderExtension[];
  /**
   * fresh: in no offer yet. live: carries its transceiver. leaving: its transceiver was removed, which the
   * far side does not know. free: inactive on both sides. rejected: port 0.
   */
  state: "fresh" | "live" | "leaving" | "free" | "rejected";
}

/** What the last offer said of a line, since the session may change while the answer is under way. */
interface Pending {
  line: OwnLine;
  transceiver: SessionTransceiver | null;
  direction: Direction;
}

/** The offering side: owns the m-lines. */
export class Offerer {
  readonly #parts: SessionParts;
  readonly #lines: OwnLine[] = [];
  readonly #payloadTypes = new PayloadTypes();
  #pending: Pending[] | null = null;
  #nextMid = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get transceivers(): SessionTransceiver[] {
    return this.#lines.flatMap(({ transceiver }) => transceiver ?? []);
  }

  addTransceiver(options: TransceiverOptions): SessionTransceiver {
    const codecs = this.#payloadTypes.allocate(options.codecs ?? defaultCodecs(options.kind));
    const transceiver = this.#parts.createTransceiver({
      kind: options.kind,
      direction: options.direction,
      streamId: options.streamId ?? "",
      codecs,
      opus: options.opus,
      redundancy: options.redundancy,
      noSender: options.noSender ?? false,
      rids: options.rids,
      maximumBitRate: options.maximumBitRate,
    });
    const line = this.#placeFor(options);
    line.transceiver = transceiver;
    line.codecs = codecs;
    line.state = line.state === "free" ? "live" : line.state;
    transceiver.mid = line.mid;
    return transceiver;
  }

  /** True when a remote track went with it. */
  removeTransceiver(transceiver: SessionTransceiver): boolean {
    const index = this.#lines.findIndex((line) => line.transceiver === transceiver);
    const line = this.#lines[index];
    if (!line) return false;
    line.transceiver = null;
    if (line.state === "fresh") this.#lines.splice(index, 1);
    else line.state = "leaving";
    return transceiver.close();
  }

  addApplication(): void {
    if (this.#lines.some(({ kind, state }) => kind === "application" && state !== "rejected")) return;
    this.#append("application", undefined);
  }

  get hasApplication(): boolean {
    return this.#lines.some(({ kind, state }) => kind === "application" && state !== "rejected");
  }

  createOffer(): string {
    this.#parts.bundle.beginRestart();
    for (const line of this.#lines) if (line.state === "fresh") line.state = "live";
    this.#pending = this.#lines.map((line) => ({
      line,
      transceiver: line.transceiver,
      direction: line.transceiver?.direction ?? "inactive",
    }));
    return this.#parts.bundle.write(
      this.#lines.map((line) => this.#write(line)),
      { offer: true, bundle: true },
    );
  }

  acceptAnswer(sdp: string): Changes {
    const pending = this.#pending;
    if (!pending) throw new TroupeError("NEGOTIATION_FAILED", "There is no offer that waits for an answer");
    const description = parseDescription(sdp);
    checkShape(description, pending);
    const accepted = description.lines.filter(({ rejected }) => !rejected);
    checkBundle(description, accepted);
    const transport = remoteTransport(description, accepted, (setup) => {
      if (setup !== "actpass") return setup ?? "active";
      throw new TroupeError("INVALID_SDP", "Expected active or passive for a=setup of an answer", {
        field: "a=setup",
      });
    });
    if (transport) this.#parts.bundle.setRemote(transport, false);
    this.#pending = null;
    return this.#apply(pending, description.lines);
  }

  #apply(pending: readonly Pending[], answered: readonly MediaLine[]): Changes {
    for (const [index, { line }] of pending.entries()) {
      const uris = new Set(answered[index]!.extensions.map(({ uri }) => uri));
      line.agreedExtensions = this.#extensions(line).filter(({ uri }) => uris.has(uri));
    }
    this.#parts.setExtensions(this.#lines.flatMap(({ agreedExtensions }) => agreedExtensions));
    const changes = noChanges();
    for (const [index, entry] of pending.entries()) applyLine(entry, answered[index]!, changes);
    return changes;
  }

  #extensions(line: OwnLine): HeaderExtension[] {
    if (line.kind === "application") return [];
    const codecs = line.transceiver?.codecs ?? line.codecs;
    const transportFeedback = codecs.some(({ feedback }) => feedback?.includes("transport-cc"));
    return offeredExtensions(line.kind, transportFeedback);
  }

  #placeFor(options: TransceiverOptions): OwnLine {
    const free = (line: OwnLine) => line.kind === options.kind && line.state === "free";
    const reusable = options.mid === undefined ? this.#lines.find(free) : undefined;
    if (reusable) return reusable;
    const rejected = this.#lines.find(({ state }) => state === "rejected");
    if (!rejected) return this.#append(options.kind, options.mid);
    // RFC 9429, section 5.2.2: a new mid in the place of the ended one.
    const line = this.#create(options.kind, options.mid);
    this.#lines[this.#lines.indexOf(rejected)] = line;
    return line;
  }

  #append(kind: OwnLine["kind"], mid: string | undefined): OwnLine {
    if (this.#lines.length >= MAXIMUM_LINES) {
      throw new TroupeError("QUEUE_FULL", `A session has at most ${MAXIMUM_LINES} m-lines`);
    }
    const line = this.#create(kind, mid);
    this.#lines.push(line);
    return line;
  }

  #create(kind: OwnLine["kind"], wanted: string | undefined): OwnLine {
    if (wanted !== undefined && this.#lines.some(({ mid }) => mid === wanted)) {
      throw TroupeError.expected("INVALID_OPTION", "mid", "one that no m-line has", wanted);
    }
    const mid = wanted ?? this.#freshMid();
    return { kind, mid, transceiver: null, codecs: [], agreedExtensions: [], state: "fresh" };
  }

  #freshMid(): string {
    while (this.#lines.some(({ mid }) => mid === String(this.#nextMid))) this.#nextMid += 1;
    const mid = String(this.#nextMid);
    this.#nextMid += 1;
    return mid;
  }

  #write(line: OwnLine): WrittenLine {
    if (line.state === "rejected") return writeRejected(line);
    if (line.kind === "application") return this.#parts.bundle.applicationLine(line.mid);
    const transceiver = line.transceiver;
    const direction = transceiver?.direction ?? "inactive";
    const track = transceiver && sends(direction) ? transceiver.written : null;
    return {
      form: "media",
      kind: line.kind,
      mid: line.mid,
      protocol: MEDIA_PROTOCOL,
      direction,
      codecs: line.codecs,
      extensions: this.#extensions(line),
      track,
      rids: transceiver?.rids,
    };
  }
}

function writeRejected(line: OwnLine): WrittenLine {
  const application = line.kind === "application";
  return {
    form: "rejected",
    type: line.kind,
    mid: line.mid,
    protocol: application ? "UDP/DTLS/SCTP" : MEDIA_PROTOCOL,
    formats: application ? "webrtc-datachannel" : line.codecs.map(({ payloadType }) => payloadType).join(" "),
  };
}

/** An answer has the m-lines of its offer, no more, no less, in the same order (RFC 3264, section 6). */
function checkShape(description: Description, pending: readonly Pending[]): void {
  if (description.lines.length !== pending.length) {
    throw TroupeError.expected(
      "INVALID_SDP",
      "sdp",
      `an answer with ${pending.length} m-lines`,
      description.lines.length,
    );
  }
  for (const [index, { line }] of pending.entries()) {
    const answered = description.lines[index]!;
    if (answered.type !== line.kind) {
      throw TroupeError.expected("INVALID_SDP", `m-line ${index}`, line.kind, answered.type);
    }
    if (answered.hasMid && answered.mid !== line.mid) {
      throw TroupeError.expected("INVALID_SDP", `a=mid of m-line ${index}`, line.mid, answered.mid);
    }
    if (line.state === "rejected" && !answered.rejected) {
      throw TroupeError.expected("INVALID_SDP", `port of m-line ${index}`, "0", 9);
    }
  }
}

function checkBundle({ bundle }: Description, accepted: readonly MediaLine[]): void {
  if (accepted.length < 2) return;
  const out = accepted.find(({ mid }) => !bundle?.includes(mid));
  if (out) throw new TroupeError("NEGOTIATION_FAILED", `The far side does not bundle the m-line ${out.mid}`);
}

function applyLine({ line, transceiver, direction }: Pending, answered: MediaLine, changes: Changes): void {
  if (line.state === "rejected") return;
  if (answered.rejected) rejectLine(line, changes);
  // Removed, or given to another transceiver, since the offer: the next exchange is about that.
  else if (line.transceiver !== transceiver) return;
  else if (!transceiver) line.state = line.kind === "application" ? "live" : "free";
  else note(changes, transceiver, transceiver.apply(agreementOf(line, transceiver, direction, answered)));
}

function rejectLine(line: OwnLine, changes: Changes): void {
  line.state = "rejected";
  const transceiver = line.transceiver;
  line.transceiver = null;
  if (transceiver?.close()) changes.removed.push(transceiver);
}

/** What our offer allowed and the answer took; an answer that claims more gets no more. */
function agreementOf(
  line: OwnLine,
  transceiver: SessionTransceiver,
  offered: Direction,
  answered: MediaLine,
): Agreement {
  const agreed = intersectCodecs(line.codecs, answered.codecs);
  const usable = agreed.length > 0;
  return {
    direction: directionOf(
      usable && sends(offered) && receives(answered.direction),
      usable && receives(offered) && sends(answered.direction),
    ),
    codecs: usable ? agreed : transceiver.codecs,
    remoteSsrcs: answered.ssrcs,
    remoteRetransmissionSsrcs: answered.retransmissionSsrcs,
    remoteStreamId: answered.streamId,
    remoteTrackId: answered.trackId,
    announced: true,
  };
}
