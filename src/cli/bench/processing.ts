import {
  AudioProcessor,
  AudioResampler,
  AudioSink,
  AudioSource,
  createFrame,
  FilteredAudio,
  type ProcessingOptions,
} from "../../index.ts";
import { Engine } from "../../native/index.ts";
import { rounded } from "./figures.ts";
import { shareOfCore, speech } from "./offline.ts";

/** What is switched on, by the name in the figures. */
const CASES: Record<string, ProcessingOptions> = {
  highPass: { highPassFilter: true },
  noiseSuppression: { noiseSuppression: true },
  gainControl: { gainControl: true },
  echoCancellation: { echoCancellation: true },
  all: { echoCancellation: true, noiseSuppression: true, gainControl: true, highPassFilter: true },
};

const RATES = [16_000, 48_000];
const QUALITIES = ["quick", "low", "medium", "high", "veryHigh"] as const;

/**
 * What processing costs a stream, in percent of a core: frames through an AudioProcessor, one stream through
 * FilteredAudio in the engine, and the resampler's qualities from 48 to 16 kHz.
 */
export async function benchProcessing({ seconds }: { seconds: number }) {
  const frames: Record<string, number> = {};
  const engine: Record<string, number> = {};
  let receivedShare = 1;
  for (const rate of RATES) {
    for (const [name, options] of Object.entries(CASES)) {
      const key = `${name}${rate / 1_000}kHz`;
      frames[key] = rounded(100 * processFrames(options, rate, seconds), 3);
      const live = processLive(options, rate, seconds);
      engine[key] = rounded(100 * live.share, 3);
      receivedShare = Math.min(receivedShare, live.receivedShare);
    }
  }
  // Else the first quality would pay for the compiler.
  resample("quick", 1);
  const resampler = Object.fromEntries(
    QUALITIES.map((quality) => [quality, rounded(100 * resample(quality, seconds), 3)]),
  );
  return {
    bench: "processing",
    seconds,
    percentOfCoreFrames: frames,
    percentOfCoreInEngine: engine,
    percentOfCoreResampler: resampler,
    receivedShare: rounded(receivedShare),
  };
}

/** CPU time of `work` as a share of `seconds`. */
function timed(seconds: number, work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / (seconds * 1_000_000);
}

function processFrames(options: ProcessingOptions, sampleRate: number, seconds: number): number {
  const processor = new AudioProcessor(options);
  const pcm = speech(seconds, sampleRate);
  const played = pcm.slice();
  const length = sampleRate / 100;
  return timed(seconds, () => {
    for (let at = 0; at < pcm.length; at += length) {
      if (options.echoCancellation)
        processor.processReverseStream(createFrame(played.subarray(at, at + length), { sampleRate }));
      processor.processStream(createFrame(pcm.subarray(at, at + length), { sampleRate }));
    }
  });
}

function processLive(processing: ProcessingOptions, sampleRate: number, seconds: number) {
  const engine = Engine.startManual();
  const source = new AudioSource({ sampleRate, capacityMs: Math.min(60_000, seconds * 1_000) });
  const played = new AudioSource({ sampleRate, capacityMs: Math.min(60_000, seconds * 1_000) });
  try {
    source.tryWrite(speech(seconds, sampleRate));
    played.tryWrite(speech(seconds, sampleRate));
    const reverse = processing.echoCancellation ? played : undefined;
    using filtered = new FilteredAudio(source, reverse ? { processing, reverse } : { processing });
    using sink = new AudioSink(filtered, { sampleRate });
    let heard = 0;
    sink.on("frame", ({ samplesPerChannel }) => {
      heard += samplesPerChannel;
    });
    const share = shareOfCore(engine, seconds);
    return { share, receivedShare: heard / (seconds * sampleRate) };
  } finally {
    source.close();
    played.close();
    Engine.stop();
  }
}

function resample(quality: (typeof QUALITIES)[number], seconds: number): number {
  const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 16_000, quality });
  const pcm = speech(seconds, 48_000);
  return timed(seconds, () => {
    for (let at = 0; at < pcm.length; at += 480) resampler.push(pcm.subarray(at, at + 480));
    resampler.flush();
  });
}
