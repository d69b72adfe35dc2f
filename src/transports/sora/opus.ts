import type { OpusParameters } from "../../media/index.ts";
import type { SoraSettings } from "./options.ts";

/** How to encode what we send, as far as the options say. */
export function opusOf({ audio }: SoraSettings): Partial<OpusParameters> {
  if (typeof audio === "boolean") return {};
  const { bitRate, opusParams = {} } = audio;
  const result: Partial<OpusParameters> = {};
  // Sora counts in kbit/s.
  if (bitRate !== undefined) result.bitRate = bitRate * 1000;
  if (opusParams.useinbandfec !== undefined) result.fec = opusParams.useinbandfec;
  if (opusParams.usedtx !== undefined) result.dtx = opusParams.usedtx;
  if (opusParams.spropStereo !== undefined) result.channels = opusParams.spropStereo ? 2 : 1;
  const { ptime } = opusParams;
  if (ptime !== undefined) result.frameMs = [10, 20, 40, 60].findLast((frameMs) => frameMs <= ptime) ?? 20;
  return result;
}
