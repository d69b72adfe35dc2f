import { type MediaDescription, type SessionDescription, write } from "sdp-transform";
import type { Direction, MediaKind, SdpCodec } from "../types.ts";
import { writtenName } from "./codecs.ts";
import type { HeaderExtension } from "./extensions.ts";
import type { Setup } from "./parse.ts";

/** What we send on an m-line. */
export interface WrittenTrack {
  streamId: string;
  trackId: string;
  ssrc: number;
  /** What repairs it; left out when no retransmission format was agreed. */
  retransmissionSsrc?: number;
  cname: string;
}

/** An m-line to write. A `mid` of `""` is left out. */
export type WrittenLine =
  | {
      form: "media";
      kind: MediaKind;
      mid: string;
      protocol: string;
      direction: Direction;
      codecs: readonly SdpCodec[];
      extensions: readonly HeaderExtension[];
      track: WrittenTrack | null;
      /** Simulcast layers that we take (RFC 8853); none without simulcast. */
      rids?: readonly string[];
    }
  | {
      form: "application";
      mid: string;
      protocol: string;
      formats: string;
      sctpPort: number;
      maximumMessageSize: number;
    }
  | { form: "rejected"; type: string; mid: string; protocol: string; formats: string };

export interface WrittenDescription {
  sessionId: string;
  version: number;
  /** False when the offer that this answers has no BUNDLE group. */
  bundle: boolean;
  lines: readonly WrittenLine[];
  iceUfrag: string;
  icePwd: string;
  fingerprint: { algorithm: string; value: string };
  setup: Setup;
  candidates: readonly string[];
  gathered: boolean;
}

const UNSPECIFIED = { version: 4, ip: "0.0.0.0" };
/** The discard port: with trickle ICE an address follows by candidates only (RFC 8840, section 4.1.1). */
const DISCARD_PORT = 9;

/** The SDP of an offer or answer: one bundle, with ICE and DTLS on every m-line that is alive. */
export function writeDescription(description: WrittenDescription): string {
  const alive = description.lines.filter(({ form }) => form !== "rejected");
  const mids = alive.flatMap(({ mid }) => mid || []);
  const session = {
    version: 0,
    origin: {
      username: "-",
      sessionId: description.sessionId,
      sessionVersion: description.version,
      netType: "IN",
      ipVer: 4,
      address: "127.0.0.1",
    },
    name: "-",
    timing: { start: 0, stop: 0 },
    groups: description.bundle && mids.length > 0 ? [{ type: "BUNDLE", mids: mids.join(" ") }] : [],
    msidSemantic: { semantic: "WMS", token: "*" },
    media: description.lines.map((line) => writeLine(line, description, line === alive[0])),
  };
  // The types of sdp-transform know neither half of these attributes nor the form of the others.
  return write(session as unknown as SessionDescription);
}

function writeLine(line: WrittenLine, description: WrittenDescription, first: boolean): MediaDescription {
  const media = line.form === "rejected" ? rejected(line) : alive(line, description, first);
  return media as unknown as MediaDescription;
}

function rejected(line: Extract<WrittenLine, { form: "rejected" }>): object {
  const { type, mid, protocol, formats } = line;
  return {
    type,
    port: 0,
    protocol,
    payloads: formats || "0",
    connection: UNSPECIFIED,
    mid: mid || undefined,
    direction: "inactive",
  };
}

function alive(
  line: Exclude<WrittenLine, { form: "rejected" }>,
  description: WrittenDescription,
  first: boolean,
): object {
  const common = {
    port: DISCARD_PORT,
    protocol: line.protocol,
    connection: UNSPECIFIED,
    mid: line.mid || undefined,
    iceUfrag: description.iceUfrag,
    icePwd: description.icePwd,
    iceOptions: "trickle",
    fingerprint: { type: description.fingerprint.algorithm, hash: description.fingerprint.value },
    setup: description.setup,
    // The attributes stand on the bundle's first m-line; the others share its transport.
    invalid: first ? candidateLines(description) : [],
  };
  return line.form === "application" ? { ...common, ...application(line) } : { ...common, ...media(line) };
}

/** Written as they came: sdp-transform would drop the extension attributes that it does not know. */
function candidateLines({ candidates, gathered }: WrittenDescription): { value: string }[] {
  const lines = candidates.map((value) => ({ value }));
  return gathered ? [...lines, { value: "end-of-candidates" }] : lines;
}

function application(line: Extract<WrittenLine, { form: "application" }>): object {
  return {
    type: "application",
    payloads: line.formats,
    sctpPort: line.sctpPort,
    maxMessageSize: line.maximumMessageSize,
  };
}

function media(line: Extract<WrittenLine, { form: "media" }>): object {
  return {
    type: line.kind,
    payloads: line.codecs.map(({ payloadType }) => payloadType).join(" "),
    rtcp: { port: DISCARD_PORT, netType: "IN", ipVer: 4, address: "0.0.0.0" },
    direction: line.direction,
    rtcpMux: "rtcp-mux",
    rtcpRsize: "rtcp-rsize",
    ext: line.extensions.map(({ id, uri }) => ({ value: id, uri })),
    rtp: line.codecs.map(rtpmap),
    fmtp: line.codecs.flatMap(({ payloadType, format }) =>
      format ? [{ payload: payloadType, config: format }] : [],
    ),
    rtcpFb: line.codecs.flatMap(({ payloadType, feedback = [] }) =>
      feedback.map((type) => ({ payload: payloadType, type })),
    ),
    ...(line.rids?.length ? layerAttributes(line.rids) : {}),
    ...(line.track ? trackAttributes(line.track) : {}),
  };
}

function rtpmap({ payloadType, name, clockRate, channels }: SdpCodec): object {
  return {
    payload: payloadType,
    codec: writtenName(name),
    rate: clockRate,
    ...(channels > 1 ? { encoding: channels } : {}),
  };
}

function layerAttributes(rids: readonly string[]): object {
  return {
    rids: rids.map((id) => ({ id, direction: "recv" })),
    simulcast: { dir1: "recv", list1: rids.join(";") },
  };
}

function trackAttributes({ streamId, trackId, ssrc, retransmissionSsrc, cname }: WrittenTrack): object {
  const msid = `${streamId || "-"} ${trackId}`;
  const ssrcs = retransmissionSsrc === undefined ? [ssrc] : [ssrc, retransmissionSsrc];
  return {
    msid: [{ id: streamId || "-", appdata: trackId }],
    ...(ssrcs.length > 1 ? { ssrcGroups: [{ semantics: "FID", ssrcs: ssrcs.join(" ") }] } : {}),
    ssrcs: ssrcs.flatMap((id) => [
      { id, attribute: "cname", value: cname },
      { id, attribute: "msid", value: msid },
    ]),
  };
}
