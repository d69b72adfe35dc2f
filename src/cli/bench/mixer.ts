import { AudioMixer, AudioSink, AudioSource } from "../../index.ts";
import { Engine } from "../../native/index.ts";
import { rounded } from "./figures.ts";
import { shareOfCore, speech } from "./offline.ts";

const SAMPLE_RATE = 48_000;

/**
 * One mixer of `bots` inputs of 48 kHz, heard by one sink, by hand: the ticks follow each other at once, and the CPU
 * time of the process while they run is all that the sources' rings, the mix and the hand-over to JavaScript cost.
 */
export async function benchMixer({ bots: inputs, seconds }: { bots: number; seconds: number }) {
  const engine = Engine.startManual();
  const sources: AudioSource[] = [];
  try {
    using mixer = new AudioMixer({ sampleRate: SAMPLE_RATE });
    const pcm = speech(seconds, SAMPLE_RATE);
    for (let at = 0; at < inputs; at++) {
      const source = new AudioSource({
        sampleRate: SAMPLE_RATE,
        capacityMs: Math.min(60_000, seconds * 1_000),
      });
      sources.push(source);
      mixer.add(source);
      source.tryWrite(pcm);
    }
    using sink = new AudioSink(mixer);
    let heard = 0;
    sink.on("frame", ({ samplesPerChannel }) => {
      heard += samplesPerChannel;
    });
    const share = shareOfCore(engine, seconds);
    return {
      bench: "mixer",
      inputs,
      seconds,
      percentOfCore: rounded(100 * share, 3),
      percentOfCorePerInput: rounded((100 * share) / inputs, 4),
      receivedShare: rounded(heard / (seconds * SAMPLE_RATE)),
    };
  } finally {
    for (const source of sources) source.close();
    Engine.stop();
  }
}
