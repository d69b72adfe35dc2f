import { OPUS } from "../opus.ts";

/** How the bots of both clients publish: what both let be set, as in the voice bench. */
export const PUBLISHED = {
  name: "voice",
  source: "microphone",
  bitRate: OPUS.bitRate,
  dtx: false,
  red: false,
} as const;
