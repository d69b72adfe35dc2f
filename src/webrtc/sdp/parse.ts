import { type MediaDescription, parse, type SessionDescription } from "sdp-transform";
import { TroupeError } from "../../core/index.ts";
import type { Direction, MediaKind, SdpCodec } from "../types.ts";
import { normalizeCandidate } from "./candidates.ts";
import { staticCodec } from "./codecs.ts";
import type { HeaderExtension } from "./extensions.ts";

/** Bounds that are checked before anything is parsed. */
export const MAXIMUM_SDP_BYTES = 256 * 1024;
export const MAXIMUM_MEDIA_LINES = 2000;

/** Bounds on what is kept of one m-line. */
const MAXIMUM_CODECS = 256;
const MAXIMUM_SSRCS = 64;
const MAXIMUM_CANDIDATES = 256;

/** What RFC 8841 section 6 says of an m-line without the attribute, and what stands for its 0: any size. */
const DEFAULT_MAXIMUM_MESSAGE_SIZE = 65_536;
const ANY_MESSAGE_SIZE = 2 ** 31 - 1;

export type Setup = "actpass" | "active" | "passive";

/** The ICE and DTLS attributes of an m-line or of the session. */
export interface TransportAttributes {
  iceUfrag?: string;
  icePwd?: string;
  fingerprint?: { algorithm: string; value: string };
  setup?: Setup;
  candidates: string[];
}

/** One m-line. */
export interface MediaLine {
  kind: MediaKind | "application" | "other";
  /** As in the m-line: audio, video, application, text ... */
  type: string;
  /** Its a=mid; a made-up name where the line has none. */
  mid: string;
  hasMid: boolean;
  /** Port 0 without bundle-only: refused or ended. */
  rejected: boolean;
  protocol: string;
  /** The formats of the m-line, as they stand there. */
  formats: string;
  direction: Direction;
  transport: TransportAttributes;
  codecs: SdpCodec[];
  extensions: HeaderExtension[];
  /** Primary SSRCs: those of retransmission and error correction are left out. */
  ssrcs: number[];
  /** Pairs of a primary SSRC and the one that repairs it (ssrc-group FID, RFC 4588, section 8.3). */
  retransmissionSsrcs: [ssrc: number, retransmissionSsrc: number][];
  /** The first msid stream id, raw; `""` for none. */
  streamId: string;
  trackId: string;
  /** Whether an SSRC or msid says that the far side has something to send. */
  announcesTrack: boolean;
  maximumMessageSize: number;
  sctpPort: number;
}

export interface Description {
  iceLite: boolean;
  /** The mids of the first BUNDLE group; null without one. */
  bundle: string[] | null;
  lines: MediaLine[];
}

/** The attributes that are looked at. The rest is taken out first: sdp-transform tries some 50 patterns on each. */
const ATTRIBUTES = new Set(
  "bundle-only candidate extmap fingerprint fmtp group ice-lite ice-pwd ice-ufrag inactive max-message-size maxptime mid \
msid ptime recvonly rtcp-fb rtpmap sctp-port sendonly sendrecv setup ssrc ssrc-group".split(" "),
);

const LINE_END = /\r\n|\r|\n/;
const KINDS: readonly string[] = ["audio", "video", "application"];

/** @throws TroupeError INVALID_SDP, always and for any string, when the text cannot be used. */
export function parseDescription(text: string): Description {
  checkBounds(text);
  const known = text.split(LINE_END).filter(isKnown);
  let session: SessionDescription;
  try {
    session = parse(known.join("\r\n"));
  } catch (cause) {
    throw new TroupeError("INVALID_SDP", "The SDP cannot be parsed", { cause });
  }
  if (session.version !== 0) throw invalid("v=", "the line v=0", session.version);
  const raw = rawMsids(known);
  const lines = session.media.map((media, index) => readLine(session, media, index, raw[index] ?? []));
  const mids = new Set(lines.map(({ mid }) => mid));
  if (mids.size !== lines.length) throw new TroupeError("INVALID_SDP", "Two m-lines have the same mid");
  return { iceLite: session.icelite !== undefined, bundle: readBundle(session), lines };
}

function isKnown(line: string): boolean {
  if (!line.startsWith("a=")) return true;
  const colon = line.indexOf(":");
  return ATTRIBUTES.has(line.slice(2, colon < 0 ? undefined : colon).trimEnd());
}

function checkBounds(text: unknown): asserts text is string {
  if (typeof text !== "string") throw invalid("sdp", "a string", text);
  if (text.length > MAXIMUM_SDP_BYTES || Buffer.byteLength(text) > MAXIMUM_SDP_BYTES) {
    throw invalid("sdp", `at most ${MAXIMUM_SDP_BYTES} bytes`, text.length);
  }
  const count = text.match(/(^|[\r\n])m=/g)?.length ?? 0;
  if (count > MAXIMUM_MEDIA_LINES) throw invalid("sdp", `at most ${MAXIMUM_MEDIA_LINES} m-lines`, count);
}

function invalid(field: string, expected: string, value: unknown): TroupeError {
  return TroupeError.expected("INVALID_SDP", field, expected, value);
}

/** The values of a=msid by m-line. sdp-transform cuts them at characters that stream ids do contain. */
function rawMsids(lines: readonly string[]): string[][] {
  const byLine: string[][] = [];
  for (const line of lines) {
    if (line.startsWith("m=")) byLine.push([]);
    else if (line.startsWith("a=msid:")) byLine.at(-1)?.push(line.slice("a=msid:".length));
  }
  return byLine;
}

function readBundle(session: SessionDescription): string[] | null {
  const group = session.groups?.find(({ type }) => type === "BUNDLE");
  return group ? String(group.mids).split(/ +/).filter(Boolean) : null;
}

function readLine(
  session: SessionDescription,
  media: MediaDescription & { type?: string },
  index: number,
  msids: string[],
): MediaLine {
  if (typeof media.type !== "string" || media.protocol === undefined) {
    throw new TroupeError("INVALID_SDP", `The m-line at ${index} is malformed`);
  }
  const formats = media.payloads === undefined ? "" : String(media.payloads);
  const hasMid = media.mid !== undefined && String(media.mid) !== "";
  const mid = hasMid ? String(media.mid) : `-${index}`;
  if (!/^[\x21-\x7e]{1,256}$/.test(mid)) throw invalid("a=mid", "a token", mid);
  const stream = readStream(media, msids);
  const ssrcs = readSsrcs(media);
  return {
    kind: KINDS.includes(media.type) ? (media.type as MediaLine["kind"]) : "other",
    type: media.type,
    mid,
    hasMid,
    rejected: Number(media.port) === 0 && media.bundleOnly === undefined,
    protocol: String(media.protocol),
    formats,
    direction: media.direction ?? session.direction ?? "sendrecv",
    transport: readTransport(session, media),
    codecs: readCodecs(media, formats),
    // Numbers above 14 need two-byte headers, which we do not agree to.
    extensions: [...(session.ext ?? []), ...(media.ext ?? [])]
      .filter(({ value, uri }) => Number(value) >= 1 && Number(value) <= 14 && uri !== undefined)
      .map(({ value, uri }) => ({ id: Number(value), uri: String(uri) })),
    ssrcs,
    retransmissionSsrcs: readRetransmissionSsrcs(media),
    ...stream,
    announcesTrack: ssrcs.length > 0 || msids.length > 0,
    maximumMessageSize:
      boundedNumber(media.maxMessageSize, ANY_MESSAGE_SIZE, DEFAULT_MAXIMUM_MESSAGE_SIZE) || ANY_MESSAGE_SIZE,
    sctpPort: boundedNumber(media.sctpPort, 65_535, 5000),
  };
}

function boundedNumber(value: unknown, maximum: number, otherwise: number): number {
  const number = value === undefined ? otherwise : Number(value);
  return Number.isFinite(number) && number >= 0 ? Math.min(number, maximum) : otherwise;
}

function readTransport(session: SessionDescription, media: MediaDescription): TransportAttributes {
  const iceUfrag = media.iceUfrag ?? session.iceUfrag;
  const icePwd = media.icePwd ?? session.icePwd;
  const fingerprint = media.fingerprint ?? session.fingerprint;
  const setup = media.setup ?? session.setup;
  return {
    ...(iceUfrag === undefined ? {} : { iceUfrag: checkIce("a=ice-ufrag", String(iceUfrag), 4) }),
    ...(icePwd === undefined ? {} : { icePwd: checkIce("a=ice-pwd", String(icePwd), 22) }),
    ...(fingerprint === undefined ? {} : { fingerprint: readFingerprint(fingerprint) }),
    ...(setup === undefined ? {} : { setup: readSetup(String(setup)) }),
    candidates: (media.candidates ?? []).slice(0, MAXIMUM_CANDIDATES).flatMap(candidateText),
  };
}

/** RFC 8839, section 5.4: ice-char is a letter, a digit, + or /; some implementations use more. */
function checkIce(field: string, value: string, minimum: number): string {
  if (!/^[\x21-\x7e]+$/.test(value) || value.length < minimum || value.length > 256) {
    throw new TroupeError("INVALID_SDP", `Expected ${minimum} to 256 characters for ${field}`, { field });
  }
  return value;
}

function readFingerprint({ type, hash }: { type?: unknown; hash?: unknown }): {
  algorithm: string;
  value: string;
} {
  const algorithm = String(type).toLowerCase();
  const value = String(hash).toUpperCase();
  if (!/^[a-z0-9-]{1,16}$/.test(algorithm) || !/^[0-9A-F]{2}(:[0-9A-F]{2}){15,63}$/.test(value)) {
    throw invalid("a=fingerprint", "an algorithm and bytes in hexadecimal with colons", `${type} ${hash}`);
  }
  return { algorithm, value };
}

function readSetup(setup: string): Setup {
  if (setup === "actpass" || setup === "active" || setup === "passive") return setup;
  throw invalid("a=setup", "actpass, active or passive", setup);
}

type ParsedCandidate = NonNullable<MediaDescription["candidates"]>[number];

/** The candidate as text again, without what does not concern ICE; [] when it is malformed. */
function candidateText(candidate: ParsedCandidate): string[] {
  const { foundation, component, transport, priority, ip, port, type, raddr, rport, tcptype } = candidate;
  const related = raddr === undefined ? "" : ` raddr ${raddr} rport ${rport}`;
  const tcp = tcptype === undefined ? "" : ` tcptype ${tcptype}`;
  const fields = [foundation, component, transport, priority, ip, port, "typ", type].map(String).join(" ");
  const text = normalizeCandidate(`candidate:${fields}${related}${tcp}`);
  return text === null ? [] : [text];
}

function readCodecs(media: MediaDescription, formats: string): SdpCodec[] {
  const byNumber = new Map((media.rtp ?? []).map((rtp) => [Number(rtp.payload), rtp]));
  const configs = new Map((media.fmtp ?? []).map(({ payload, config }) => [Number(payload), String(config)]));
  const feedback = readFeedback(media);
  const codecs: SdpCodec[] = [];
  for (const format of formats.split(/ +/).slice(0, MAXIMUM_CODECS)) {
    if (!/^\d{1,3}$/.test(format) || Number(format) > 127) continue;
    const payloadType = Number(format);
    const rtp = byNumber.get(payloadType);
    const codec: SdpCodec | undefined = rtp ? readRtpmap(payloadType, rtp) : staticCodec(payloadType);
    if (!codec || codecs.some((one) => one.payloadType === payloadType)) continue;
    const config = configs.get(payloadType);
    codecs.push({
      ...codec,
      ...readPacketTimes(media),
      ...(config ? { format: config } : {}),
      feedback: [...(feedback.get("*") ?? []), ...(feedback.get(format) ?? [])],
    });
  }
  return codecs;
}

/** a=ptime and a=maxptime (RFC 8866, sections 6.4 and 6.5). */
function readPacketTimes(media: MediaDescription): Pick<SdpCodec, "packetMs" | "maximumPacketMs"> {
  const packetMs = Number(media.ptime);
  const maximumPacketMs = Number(media.maxptime);
  return {
    ...(packetMs >= 1 && packetMs <= 1000 ? { packetMs } : {}),
    ...(maximumPacketMs >= 1 && maximumPacketMs <= 1000 ? { maximumPacketMs } : {}),
  };
}

function readRtpmap(
  payloadType: number,
  rtp: { codec?: unknown; rate?: unknown; encoding?: unknown },
): SdpCodec | undefined {
  const name = String(rtp.codec ?? "").toLowerCase();
  const clockRate = Number(rtp.rate);
  const channels = rtp.encoding === undefined ? 1 : Number(rtp.encoding);
  if (!name || !(clockRate >= 1 && clockRate <= 1_000_000) || !Number.isInteger(clockRate)) return undefined;
  if (!Number.isInteger(channels) || channels < 1 || channels > 255) return undefined;
  return { payloadType, name, clockRate, channels };
}

function readFeedback(media: MediaDescription): Map<string, string[]> {
  const feedback = new Map<string, string[]>();
  for (const { payload, type, subtype } of media.rtcpFb ?? []) {
    const list = feedback.get(String(payload)) ?? [];
    list.push(subtype === undefined ? String(type) : `${type} ${subtype}`);
    feedback.set(String(payload), list.slice(0, 32));
  }
  return feedback;
}

function readSsrcs(media: MediaDescription): number[] {
  const secondary = new Set<number>();
  for (const { semantics, ssrcs } of media.ssrcGroups ?? []) {
    const [, ...rest] = String(ssrcs).split(/ +/).map(Number);
    if (String(semantics) !== "SIM") for (const ssrc of rest) secondary.add(ssrc);
  }
  const primary = new Set<number>();
  for (const { id } of media.ssrcs ?? []) {
    const ssrc = Number(id);
    if (ssrc >= 1 && ssrc <= 0xffff_ffff && !secondary.has(ssrc)) primary.add(ssrc);
  }
  return [...primary].slice(0, MAXIMUM_SSRCS);
}

function readRetransmissionSsrcs(media: MediaDescription): [number, number][] {
  const isSsrc = (ssrc: number | undefined) => ssrc !== undefined && ssrc >= 1 && ssrc <= 0xffff_ffff;
  return (media.ssrcGroups ?? [])
    .filter(({ semantics }) => String(semantics) === "FID")
    .map(({ ssrcs }) => String(ssrcs).split(/ +/).map(Number))
    .flatMap(([primary, repair]) =>
      isSsrc(primary) && isSsrc(repair) ? [[primary!, repair!] satisfies [number, number]] : [],
    )
    .slice(0, MAXIMUM_SSRCS);
}

/** a=msid (RFC 8830), or the older form of it behind a=ssrc. */
function readStream(media: MediaDescription, msids: string[]): { streamId: string; trackId: string } {
  const older = media.ssrcs?.find(({ attribute }) => attribute === "msid")?.value;
  const [streamId = "", trackId = ""] = (msids[0] ?? (older === undefined ? "" : String(older)))
    .trim()
    .split(/ +/);
  return { streamId: streamId === "-" ? "" : streamId.slice(0, 1024), trackId: trackId.slice(0, 1024) };
}
