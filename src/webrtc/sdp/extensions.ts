import type { HeaderExtensionIds } from "../../native/index.ts";
import type { MediaKind } from "../types.ts";

/** One extmap attribute (RFC 8285). */
export interface HeaderExtension {
  id: number;
  uri: string;
}

/**
 * The header extensions that the engine knows, the number that browsers give each, and the m-lines that
 * have it. Transport-wide sequence numbers are taken only where the feedback that they are for is agreed.
 */
const KNOWN: readonly {
  name: keyof HeaderExtensionIds;
  uri: string;
  id: number;
  kinds: readonly MediaKind[];
}[] = [
  { name: "audioLevel", uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level", id: 1, kinds: ["audio"] },
  {
    name: "absoluteSendTime",
    uri: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    id: 2,
    kinds: ["audio", "video"],
  },
  {
    name: "transportSequenceNumber",
    uri: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    id: 3,
    kinds: ["audio", "video"],
  },
  { name: "mid", uri: "urn:ietf:params:rtp-hdrext:sdes:mid", id: 4, kinds: ["audio", "video"] },
  { name: "rid", uri: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", id: 10, kinds: ["video"] },
  {
    name: "repairedRid",
    uri: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    id: 11,
    kinds: ["video"],
  },
];

/** What an offer of ours has on an m-line of this kind. */
export function offeredExtensions(kind: MediaKind, transportFeedback: boolean): HeaderExtension[] {
  return KNOWN.filter((one) => one.kinds.includes(kind) && wanted(one.name, transportFeedback)).map(
    ({ id, uri }) => ({ id, uri }),
  );
}

/** What an answer of ours takes of an offered m-line: the known ones under the offered numbers. */
export function acceptedExtensions(
  kind: MediaKind,
  offered: readonly HeaderExtension[],
  transportFeedback: boolean,
): HeaderExtension[] {
  return offered.filter(({ uri }) =>
    KNOWN.some((one) => one.uri === uri && one.kinds.includes(kind) && wanted(one.name, transportFeedback)),
  );
}

/** The engine's view of everything agreed in a bundle, in which a number has one meaning. */
export function extensionIds(agreed: Iterable<HeaderExtension>): HeaderExtensionIds {
  const ids: HeaderExtensionIds = {};
  for (const { id, uri } of agreed) {
    const name = KNOWN.find((one) => one.uri === uri)?.name;
    if (name) ids[name] = id;
  }
  return ids;
}

function wanted(name: string, transportFeedback: boolean): boolean {
  return name !== "transportSequenceNumber" || transportFeedback;
}
