import type { OpusParameters } from "../../native/index.ts";
import type { SdpCodec } from "../types.ts";
import { formatParameter } from "./codecs.ts";

/** bit/s: about what Opus takes for mono speech at full band; what a lower ceiling is measured against. */
const USUAL_BIT_RATE = 32_000;
const LOWEST_BIT_RATE = 6_000;
/** Hz */
const LOWEST_PLAYBACK_RATE = 8_000;
const HIGHEST_PLAYBACK_RATE = 48_000;
/** The lengths of packets that the engine makes, in ms. */
const PACKET_MS = [10, 20, 40, 60] as const;
const USUAL_PACKET_MS = 20;

/**
 * What the far side's parameters (RFC 7587, section 6.1; a=ptime) ask of a sender. What `wanted` says wins, except
 * over the far side's limits: bit rate, playback rate, length of packets, and mono where it plays no stereo.
 */
export function opusParameters(
  codec: SdpCodec,
  wanted: Partial<OpusParameters> = {},
): Partial<OpusParameters> {
  const asked: Partial<OpusParameters> = {
    fec: formatParameter(codec, "useinbandfec") === "1",
    dtx: formatParameter(codec, "usedtx") === "1",
    ...(formatParameter(codec, "cbr") === "1" ? { cbr: true } : {}),
  };
  return { ...asked, ...wanted, ...limits(codec, wanted) };
}

/** The length of packets that suits both sides, in ms; undefined where neither says anything. */
export function packetLength(codec: SdpCodec, wantedMs: number | undefined): number | undefined {
  const askedMs = codec.packetMs ?? numberOf(codec, "ptime");
  const longestMs = codec.maximumPacketMs ?? numberOf(codec, "maxptime") ?? Number.POSITIVE_INFINITY;
  const shortestMs = numberOf(codec, "minptime") ?? 0;
  const asked = PACKET_MS.find((ms) => ms === askedMs);
  const preferred = wantedMs ?? asked ?? USUAL_PACKET_MS;
  if (preferred > longestMs) return PACKET_MS.findLast((ms) => ms <= longestMs) ?? PACKET_MS[0];
  if (preferred < shortestMs) return PACKET_MS.find((ms) => ms >= shortestMs) ?? PACKET_MS[3];
  return wantedMs ?? asked;
}

/**
 * The parameters that we answer with: what we would like to be sent, which is stereo or pauses where the far side has
 * them to offer. Its own limits are about what it is sent, so they do not come back.
 */
export function answeredFormat(offered: SdpCodec, sendsStereo: boolean): string {
  const is = (name: string) => formatParameter(offered, name) === "1";
  return [
    "minptime=10",
    "useinbandfec=1",
    ...(is("stereo") || is("sprop-stereo") ? ["stereo=1"] : []),
    ...(sendsStereo ? ["sprop-stereo=1"] : []),
    ...(is("usedtx") ? ["usedtx=1"] : []),
  ].join(";");
}

function limits(codec: SdpCodec, wanted: Partial<OpusParameters>): Partial<OpusParameters> {
  const result: Partial<OpusParameters> = {};
  const bitRate = numberOf(codec, "maxaveragebitrate");
  if (bitRate !== undefined && bitRate >= LOWEST_BIT_RATE && bitRate < (wanted.bitRate ?? USUAL_BIT_RATE)) {
    result.bitRate = bitRate;
  }
  const playbackRate = numberOf(codec, "maxplaybackrate");
  const bound = wanted.maxPlaybackRate ?? HIGHEST_PLAYBACK_RATE;
  if (playbackRate !== undefined && playbackRate >= LOWEST_PLAYBACK_RATE && playbackRate < bound) {
    result.maxPlaybackRate = playbackRate;
  }
  if (formatParameter(codec, "stereo") === "0" && wanted.channels === 2) result.channels = 1;
  const frameMs = packetLength(codec, wanted.frameMs);
  if (frameMs !== undefined && frameMs !== wanted.frameMs) result.frameMs = frameMs;
  return result;
}

/** A parameter that is a whole number; undefined for anything else. */
function numberOf(codec: SdpCodec, name: string): number | undefined {
  const text = formatParameter(codec, name);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
