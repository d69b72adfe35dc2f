import { OPUS } from "../opus.ts";

/** The encoder's effort in libwebrtc, which lets nobody choose it. */
export const LIBWEBRTC_COMPLEXITY = 9;
/** What libwebrtc expects where nothing is lost. */
export const EXPECTED_LOSS_PERCENT = 0;

/** How the bots of both clients publish: what both let be set, as in the voice bench. */
export const PUBLISHED = {
  name: "voice",
  source: "microphone",
  bitRate: OPUS.bitRate,
  dtx: false,
  red: false,
} as const;
