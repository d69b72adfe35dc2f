import { TypedEvents } from "../../core/index.ts";
import type { AudioProducer } from "../../index.ts";
import { Engine } from "../../native/index.ts";
import { OPUS } from "./opus.ts";

/** Packets of `voice` (48 kHz mono), encoded once and played round and round: what sends it costs no encoding. */
export function encodedVoice(voice: Int16Array): AudioProducer {
  const engine = Engine.shared();
  const frames = engine.encodeOpus(voice, { sampleRate: 48_000, ...OPUS });
  const producer = engine.createEncodedSource({ frameMs: OPUS.frameMs, frames, loop: true });
  return { producer, producerEnded: false, producerEvents: new TypedEvents() };
}
