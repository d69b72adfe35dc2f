import { TroupeError } from "../core/index.ts";
import { remoteTransport } from "./Bundle.ts";
import { type Changes, noChanges, note, type SessionParts } from "./SessionParts.ts";
import { canEncode, canReceive, OPUS, VIDEO_CODECS, withoutDangling } from "./sdp/codecs.ts";
import { acceptedExtensions, type HeaderExtension } from "./sdp/extensions.ts";
import { answeredFormat } from "./sdp/opus.ts";
import { type Description, type MediaLine, parseDescription } from "./sdp/parse.ts";
import type { WrittenLine } from "./sdp/write.ts";
import { directionOf, receives, type SessionTransceiver, sends } from "./Transceiver.ts";
import type { AnswerChoice, Direction, MediaKind, OfferedLine, SdpCodec } from "./types.ts";

export type Choose = (line: OfferedLine) => AnswerChoice;

const MEDIA_PROTOCOLS = /^((UDP|TCP)\/TLS\/)?RTP\/S?AVPF?$/;
const APPLICATION_PROTOCOLS = /^((UDP|TCP)\/)?DTLS\/SCTP$/;
/**
 * Transport-wide feedback is taken where it is offered, and not offered: at the 50 packets/s of audio its messages are a
 * fifth as many again, and those who want it for their bandwidth estimation offer it.
 */
const TRANSPORT_FEEDBACK = "transport-cc";
const FEEDBACK = new Set([
  TRANSPORT_FEEDBACK,
  ...(OPUS.feedback ?? []),
  ...VIDEO_CODECS.flatMap(({ feedback = [] }) => feedback),
]);

/** What becomes of one m-line of an offer. Made before anything is changed. */
interface Plan {
  line: MediaLine;
  form: "media" | "application" | "rejected";
  direction: Direction;
  codecs: SdpCodec[];
  extensions: HeaderExtension[];
  choice: AnswerChoice;
}

/** The answering side: follows the far side's m-lines. */
export class Answerer {
  readonly #parts: SessionParts;
  #choose: Choose = () => ({});
  #lines: { mid: string; kind: MediaLine["kind"]; transceiver: SessionTransceiver | null }[] = [];
  hasApplication = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get transceivers(): SessionTransceiver[] {
    return this.#lines.flatMap(({ transceiver }) => transceiver ?? []);
  }

  acceptOffer(sdp: string, choose: Choose = this.#choose): { answer: string; changes: Changes } {
    const description = parseDescription(sdp);
    if (description.lines.length < this.#lines.length) {
      throw TroupeError.expected(
        "INVALID_SDP",
        "sdp",
        `an offer with at least ${this.#lines.length} m-lines`,
        description.lines.length,
      );
    }
    const bundled = bundledLines(description);
    const plans = description.lines.map((line, index) => plan(line, index, bundled.has(line), choose));
    const alive = plans.filter(({ form }) => form !== "rejected").map(({ line }) => line);
    const { bundle } = this.#parts;
    const transport = remoteTransport(description, alive, (setup) => bundle.remoteSetup(setup));
    if (transport) {
      bundle.beginRestart();
      bundle.setRemote(transport, true);
    }
    this.#choose = choose;
    const changes = this.#apply(plans);
    const written = plans.map((one, index) => this.#write(one, this.#lines[index]?.transceiver ?? null));
    const answer = bundle.write(written, { offer: false, bundle: description.bundle !== null });
    return { answer, changes };
  }

  #apply(plans: readonly Plan[]): Changes {
    const changes = noChanges();
    this.#parts.setExtensions(plans.flatMap(({ extensions }) => extensions));
    this.hasApplication = plans.some(({ form }) => form === "application");
    const before = this.#lines;
    // What ends goes first, so that its mid and SSRCs are free for what begins.
    const kept = plans.map(({ line, form }, index) => {
      const old = before[index];
      const keeps = form === "media" && old?.mid === line.mid && old.kind === line.kind;
      if (keeps) return old.transceiver;
      if (old?.transceiver?.close()) changes.removed.push(old.transceiver);
      return null;
    });
    this.#lines = plans.map((one, index) => ({
      mid: one.line.mid,
      kind: one.line.kind,
      transceiver: one.form === "media" ? (kept[index] ?? this.#create(one)) : null,
    }));
    for (const [index, one] of plans.entries()) {
      const transceiver = this.#lines[index]?.transceiver;
      if (transceiver) applyPlan(one, transceiver, changes);
    }
    return changes;
  }

  #create({ line, direction, codecs, choice }: Plan): SessionTransceiver {
    const transceiver = this.#parts.createTransceiver({
      kind: line.kind as MediaKind,
      direction,
      streamId: choice.send?.streamId ?? "",
      codecs,
      opus: choice.send?.opus,
      redundancy: choice.send?.redundancy,
      noSender: choice.send?.noSender ?? false,
    });
    transceiver.mid = line.mid;
    return transceiver;
  }

  #write(
    { line, form, direction, codecs, extensions }: Plan,
    transceiver: SessionTransceiver | null,
  ): WrittenLine {
    const { type, protocol, formats } = line;
    const mid = line.hasMid ? line.mid : "";
    if (form === "application") return this.#parts.bundle.applicationLine(mid, line);
    if (form === "rejected" || !transceiver) return { form: "rejected", type, mid, protocol, formats };
    const track = sends(direction) ? transceiver.written : null;
    const sendsStereo = track !== null && transceiver.opus?.channels === 2;
    const answered = codecs.map((codec) =>
      codec.name === "opus" ? { ...codec, format: answeredFormat(codec, sendsStereo) } : codec,
    );
    const { kind } = transceiver;
    return { form: "media", kind, mid, protocol, direction, codecs: answered, extensions, track };
  }
}

/** The m-lines that share the one transport: the bundle's, or else the first that is alive. */
function bundledLines({ bundle, lines }: Description): Set<MediaLine> {
  const alive = lines.filter(({ rejected }) => !rejected);
  const grouped = alive.filter(({ mid }) => bundle?.includes(mid));
  return new Set(grouped.length > 0 ? grouped : alive.slice(0, 1));
}

function plan(line: MediaLine, index: number, bundled: boolean, choose: Choose): Plan {
  const base = { line, direction: "inactive" as const, codecs: [], extensions: [], choice: {} };
  if (!bundled) return { ...base, form: "rejected" };
  if (line.kind === "application") {
    return { ...base, form: APPLICATION_PROTOCOLS.test(line.protocol) ? "application" : "rejected" };
  }
  if (line.kind === "other" || !MEDIA_PROTOCOLS.test(line.protocol) || line.codecs.length === 0) {
    return { ...base, form: "rejected" };
  }
  return planMedia(line, line.kind, index, choose);
}

function planMedia(line: MediaLine, kind: MediaKind, index: number, choose: Choose): Plan {
  const known = line.codecs.filter((codec) => canReceive(kind, codec)).map(withKnownFeedback);
  const usable = withoutDangling(known);
  const choice = choose({
    index,
    mid: line.mid,
    kind,
    direction: line.direction,
    streamId: line.streamId,
    codecs: line.codecs,
    canSend: receives(line.direction),
    canReceive: sends(line.direction),
  });
  const codecs = preferred(usable, choice.send?.codecs);
  const sendable = choice.send?.noSender ? codecs.length > 0 : codecs.some(canEncode);
  const send = choice.send !== undefined && sendable && receives(line.direction);
  const receive = choice.receive !== false && codecs.length > 0 && sends(line.direction);
  // With no codec in common the line stays, inactive, with what was offered: refusing it could take the
  // bundle's transport away with it.
  const answered = codecs.length > 0 ? codecs : line.codecs.map(withKnownFeedback);
  return {
    line,
    form: "media",
    direction: directionOf(send, receive),
    codecs: answered,
    extensions: acceptedExtensions(
      kind,
      line.extensions,
      codecs.some(({ feedback }) => feedback?.includes(TRANSPORT_FEEDBACK)),
    ),
    choice,
  };
}

function preferred(codecs: SdpCodec[], names: readonly string[] | undefined): SdpCodec[] {
  if (!names) return codecs;
  const place = ({ name }: SdpCodec) => (names.includes(name) ? names.indexOf(name) : names.length);
  return codecs.toSorted((a, b) => place(a) - place(b));
}

function withKnownFeedback(codec: SdpCodec): SdpCodec {
  return { ...codec, feedback: (codec.feedback ?? []).filter((one) => FEEDBACK.has(one)) };
}

function applyPlan(one: Plan, transceiver: SessionTransceiver, changes: Changes): void {
  const { line, direction, codecs, choice } = one;
  if (choice.send) {
    transceiver.streamId = choice.send.streamId ?? "";
    transceiver.opus = choice.send.opus;
    transceiver.redundancy = choice.send.redundancy;
    transceiver.noSender = choice.send.noSender ?? false;
  }
  transceiver.direction = direction;
  const change = transceiver.apply({
    direction,
    codecs,
    remoteSsrcs: line.ssrcs,
    remoteRetransmissionSsrcs: line.retransmissionSsrcs,
    remoteStreamId: line.streamId,
    remoteTrackId: line.trackId,
    // A line on which we are to send may say sendrecv without anything to come: packets then decide.
    announced: line.announcesTrack || line.direction === "sendonly",
  });
  note(changes, transceiver, change);
}
