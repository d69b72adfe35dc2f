import { afterAll, describe, expect, it, vi } from "vitest";
import { SimulatedClock } from "xstate";
import { Engine } from "../native/index.ts";
import {
  type AudioFrame,
  combineAudioFrames,
  createFrame,
  frameDurationMs,
  frameFromJson,
  frameToJson,
} from "./AudioFrame.ts";
import { AudioMixer } from "./AudioMixer.ts";
import { AudioProcessor } from "./AudioProcessor.ts";
import { AudioResampler } from "./AudioResampler.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { FrameMixer } from "./FrameMixer.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";

// What the SDKs of LiveKit and Sora say of their audio objects, one row a sentence, and that ours do the same; a row
// whose name says "ours" differs on purpose.

const SAMPLE_RATE = 8_000;
const invalidAudio = expect.objectContaining({ code: "INVALID_AUDIO" });

afterAll(() => Engine.stop());

function frameOf(value: number, length = SAMPLE_RATE / 10, sampleRate = SAMPLE_RATE): AudioFrame {
  return createFrame(new Int16Array(length).fill(value), { sampleRate });
}

async function* streamOf(...frames: AudioFrame[]) {
  yield* frames;
}

/** A stream that counts what is asked of it. */
class Counted implements AsyncIterator<AudioFrame> {
  asked = 0;
  next(): Promise<IteratorResult<AudioFrame>> {
    this.asked += 1;
    return Promise.resolve({ value: frameOf(1), done: false });
  }
}

/** Gives one frame and then nothing, without an end. */
function stalled(frame: AudioFrame): AsyncIterator<AudioFrame> & { given: number } {
  return {
    given: 0,
    next() {
      this.given += 1;
      return this.given === 1 ? Promise.resolve({ value: frame, done: false }) : new Promise(() => {});
    },
  };
}

async function all(mixer: FrameMixer): Promise<AudioFrame[]> {
  const frames: AudioFrame[] = [];
  for await (const frame of mixer) frames.push(frame);
  return frames;
}

const firsts = (frames: AudioFrame[]) => frames.map(({ pcm }) => pcm[0]);

/** As often as it takes for work that needs no time to settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function sinkOnScript(options: { sampleRate?: number; bufferMs?: number } = {}) {
  const engine = new ScriptedEngine();
  const source = engine.createSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 100 });
  const clock = new SimulatedClock();
  const sink = new AudioSink(
    { producer: source },
    { sampleRate: SAMPLE_RATE, bufferMs: 100, ...options },
    { engine, clock },
  );
  let count = 0;
  /** 10 ms whose value is their number. */
  const frame = () => {
    count += 1;
    engine.frame(engine.sinks[0]!, new Int16Array(80).fill(count), count * 10_000);
  };
  return { sink, frame };
}

const rows: Record<string, Record<string, () => Promise<void> | void>> = {
  "mixer paced by its consumer": {
    "a block size of 0 is a tenth of the rate": async () => {
      expect(new FrameMixer({ sampleRate: 44_100, blockSize: 0 }).blockSize).toBe(4_410);
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, blockSize: 80 });
      mixer.addStream(streamOf(frameOf(3)));
      mixer.endInput();
      expect((await all(mixer)).map(({ pcm }) => pcm.length)).toEqual(new Array(10).fill(80));
    },
    "a stream that gives nothing within the timeout is padded with zeros and kept": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, streamTimeoutMs: 1 });
      const late = stalled(frameOf(4, SAMPLE_RATE / 20));
      mixer.addStream(late);
      const { value } = await mixer.next();
      expect([value.pcm[0], value.pcm.at(-1), value.pcm.length]).toEqual([4, 0, SAMPLE_RATE / 10]);
      mixer.addStream(streamOf(frameOf(1)));
      expect((await mixer.next()).value.pcm[0]).toBe(1);
      // Still the one read that has not been answered: it was not taken out and added anew.
      expect(late.given).toBe(2);
      mixer.close();
    },
    "it mixes until its capacity is full, and then waits for its reader": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, capacity: 5 });
      const stream = new Counted();
      mixer.addStream(stream);
      await settle();
      expect(stream.asked).toBe(5);
      await mixer.next();
      await settle();
      expect(stream.asked).toBe(6);
      mixer.close();
    },
    "its capacity is 100 frames when left out": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      const stream = new Counted();
      mixer.addStream(stream);
      await settle();
      expect(stream.asked).toBe(100);
      mixer.close();
    },
    "sums beyond 16 bits are brought down to them; ours by a limiter": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      mixer.addStream(streamOf(frameOf(30_000)));
      mixer.addStream(streamOf(frameOf(30_000)));
      mixer.endInput();
      const [frame] = await all(mixer);
      expect(frame!.pcm.every((sample) => sample > 32_000)).toBe(true);
    },
    "ours converts streams of other rates, where theirs does not": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      mixer.addStream(streamOf(frameOf(1_000, 48_000, 48_000)));
      mixer.endInput();
      expect((await all(mixer)).length).toBe(10);
    },
    "while all streams are silent there is no frame": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, streamTimeoutMs: 1 });
      const silent = stalled(frameOf(1));
      mixer.addStream(silent);
      await mixer.next();
      let given = false;
      const waiting = mixer.next().then((result) => {
        given = !result.done;
      });
      await settle();
      expect(given).toBe(false);
      mixer.close();
      await waiting;
      expect(given).toBe(false);
    },
    "adding after the end of input is an error": () => {
      const mixer = new FrameMixer();
      mixer.endInput();
      expect(() => mixer.addStream(streamOf())).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    },
    "the end of input drains what the streams still have": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      mixer.addStream(streamOf(frameOf(1), frameOf(2), frameOf(3)));
      mixer.endInput();
      expect(firsts(await all(mixer))).toEqual([1, 2, 3]);
    },
    "closing drops what nobody has read": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      mixer.addStream(streamOf(frameOf(1), frameOf(2)));
      await settle();
      mixer.close();
      expect(await mixer.next()).toEqual({ value: undefined, done: true });
    },
    "it works offline: a minute is mixed as fast as it is read": async () => {
      const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
      mixer.addStream(streamOf(...Array.from({ length: 600 }, () => frameOf(2))));
      mixer.addStream(streamOf(...Array.from({ length: 600 }, () => frameOf(3))));
      mixer.endInput();
      const frames = await all(mixer);
      expect([frames.length, new Set(firsts(frames))]).toEqual([600, new Set([5])]);
    },
    "the live mixer goes by the clock and waits for no input": async () => {
      using mixer = new AudioMixer({ sampleRate: SAMPLE_RATE });
      using silent = new AudioSource({ sampleRate: SAMPLE_RATE });
      using source = new AudioSource({ sampleRate: SAMPLE_RATE });
      mixer.add(silent);
      mixer.add(source);
      using sink = new AudioSink(mixer, { sampleRate: SAMPLE_RATE });
      await source.write(new Int16Array(SAMPLE_RATE / 2).fill(9));
      const frames: AudioFrame[] = [];
      for await (const frame of sink.stream({ capacity: 0 })) {
        frames.push(frame);
        if (frame.pcm.includes(9)) break;
      }
      expect(frames.at(-1)!.pcm).toContain(9);
    },
  },
  resampler: {
    "its quality is medium and it has one channel when left out": () => {
      const { quality, channels } = new AudioResampler({ inputRate: 48_000, outputRate: 16_000 });
      expect([quality, channels]).toEqual(["medium", 1]);
    },
    "a push returns zero or more frames": () => {
      const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 16_000 });
      expect(resampler.push(new Int16Array(48))).toEqual([]);
      expect(resampler.push(new Int16Array(48_000))).toHaveLength(1);
    },
    "it takes bytes too": () => {
      const ofSamples = new AudioResampler({ inputRate: 16_000, outputRate: 8_000 });
      const ofBytes = new AudioResampler({ inputRate: 16_000, outputRate: 8_000 });
      const pcm = Int16Array.from({ length: 16_000 }, (_, at) => 8_000 * Math.sin(at / 10));
      ofSamples.push(pcm);
      ofBytes.push(new Uint8Array(pcm.buffer));
      expect(ofBytes.flush()).toEqual(ofSamples.flush());
    },
    "flush returns the rest": () => {
      const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 16_000 });
      const frames = [...resampler.push(new Int16Array(48_000)), ...resampler.flush()];
      expect(combineAudioFrames(frames).samplesPerChannel).toBe(16_000);
      expect(resampler.flush()).toEqual([]);
    },
  },
  "audio processing": {
    "all its flags are false when left out": () => {
      expect(Object.values(new AudioProcessor().options)).toEqual([false, false, false, false]);
    },
    "frames are exactly 10 ms": () => {
      const processor = new AudioProcessor();
      expect(() => processor.processStream(frameOf(0, 80))).not.toThrow();
      for (const length of [79, 81, 160]) {
        expect(() => processor.processStream(frameOf(0, length))).toThrow(invalidAudio);
        expect(() => processor.processReverseStream(frameOf(0, length))).toThrow(invalidAudio);
      }
    },
    "they are processed in place": () => {
      const processor = new AudioProcessor({ highPassFilter: true });
      const frame = frameOf(10_000, 80);
      processor.processStream(frame);
      expect(frame.pcm.some((sample) => sample !== 10_000)).toBe(true);
    },
    "the stream delay is set only with echo cancellation": () => {
      const invalidState = expect.objectContaining({ code: "INVALID_STATE" });
      expect(() => new AudioProcessor({ noiseSuppression: true }).setStreamDelayMs(10)).toThrow(invalidState);
      expect(() => new AudioProcessor({ echoCancellation: true }).setStreamDelayMs(10)).not.toThrow();
    },
  },
  frame: {
    "its data hold at least channels x samples x 2 bytes": () => {
      const options = { sampleRate: SAMPLE_RATE, channels: 2, samplesPerChannel: 2 };
      expect(() => createFrame(new Uint8Array(6), options)).toThrow(invalidAudio);
      expect(createFrame(new Uint8Array(8), options).samplesPerChannel).toBe(2);
    },
    "they are an even number of bytes": () => {
      expect(() => createFrame(new Uint8Array(9), { sampleRate: SAMPLE_RATE, samplesPerChannel: 2 })).toThrow(
        invalidAudio,
      );
    },
    "longer data are legal": () => {
      const frame = createFrame(new Uint8Array(10), { sampleRate: SAMPLE_RATE, samplesPerChannel: 2 });
      expect(frame.samplesPerChannel).toBe(2);
    },
    "its duration is its samples by its rate; ours is in milliseconds": () => {
      expect(frameDurationMs(frameOf(0, SAMPLE_RATE))).toBe(1_000);
    },
    "it has a base64 JSON form": () => {
      const json = frameToJson(frameOf(-2, 2));
      expect(json).toEqual({
        data: Buffer.from([254, 255, 254, 255]).toString("base64"),
        sample_rate: SAMPLE_RATE,
        num_channels: 1,
        samples_per_channel: 2,
      });
      expect(frameFromJson(JSON.parse(JSON.stringify(json)))).toEqual(frameOf(-2, 2));
    },
    "it carries userdata": () => {
      const userdata = { turn: 3 };
      expect(createFrame(new Int16Array(1), { sampleRate: SAMPLE_RATE, userdata }).userdata).toBe(userdata);
    },
    "combined alone it comes back as it is": () => {
      const frame = frameOf(1);
      expect(combineAudioFrames(frame)).toBe(frame);
    },
    "combining none is an error": () => {
      expect(() => combineAudioFrames([])).toThrow(invalidAudio);
    },
    "combining other rates or channels is an error": () => {
      expect(() => combineAudioFrames([frameOf(1), frameOf(1, 160, 16_000)])).toThrow(invalidAudio);
      const stereo = createFrame(new Int16Array(2), { sampleRate: SAMPLE_RATE, channels: 2 });
      expect(() => combineAudioFrames([frameOf(1), stereo])).toThrow(invalidAudio);
    },
  },
  stream: {
    "it is 48 kHz and one channel when left out": () => {
      using source = new AudioSource();
      using sink = new AudioSink(source);
      expect([sink.sampleRate, sink.channels, sink.frameMs]).toEqual([48_000, 1, 10]);
    },
    "a capacity of 0 is unbounded": async () => {
      const { sink, frame } = sinkOnScript();
      const stream = sink.stream({ capacity: 0 });
      for (let at = 0; at < 10_000; at++) frame();
      expect(stream.dropped).toBe(0);
      expect((await stream.next()).value.pcm[0]).toBe(1);
      sink.close();
    },
    "else it drops the oldest": async () => {
      const { sink, frame } = sinkOnScript();
      const stream = sink.stream({ capacity: 2 });
      for (let at = 0; at < 5; at++) frame();
      expect(stream.dropped).toBe(3);
      expect((await stream.next()).value.pcm[0]).toBe(4);
      sink.close();
    },
    "it gives 10 ms frames, or frames of a chosen length, at any rate and channel count": async () => {
      using source = new AudioSource({ sampleRate: 48_000 });
      for (const [sampleRate, channels, frameMs] of [
        [32_000, 1, 10],
        [22_050, 2, 100],
        [96_000, 6, 20],
      ] as const) {
        using sink = new AudioSink(source, { sampleRate, channels, frameMs });
        await source.write(new Int16Array(24_000).fill(1_000));
        for await (const { pcm, samplesPerChannel } of sink) {
          expect(samplesPerChannel).toBe((sampleRate * frameMs) / 1_000);
          expect(pcm.length).toBe(samplesPerChannel * channels);
          if (pcm.some((sample) => Math.abs(sample - 1_000) < 20)) break;
        }
        source.clear();
      }
    },
  },
  read: {
    "it waits a second when left out, as the release does; ours takes milliseconds": async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      try {
        const { sink } = sinkOnScript();
        const outcomes: (AudioFrame | null)[] = [];
        const read = sink.read(80).then((outcome) => outcomes.push(outcome));
        await vi.advanceTimersByTimeAsync(999);
        expect(outcomes).toEqual([]);
        await vi.advanceTimersByTimeAsync(1);
        await read;
        expect(outcomes).toEqual([null]);
        sink.close();
      } finally {
        vi.useRealTimers();
      }
    },
    "with a timeout of 0 it answers at once": async () => {
      const { sink } = sinkOnScript();
      expect(await sink.read(80, { timeoutMs: 0 })).toBeNull();
      sink.close();
    },
    "a failure gives nothing and consumes nothing": async () => {
      const { sink, frame } = sinkOnScript();
      frame();
      expect(await sink.read(160, { timeoutMs: 0 })).toBeNull();
      expect(sink.bufferedMs).toBe(10);
      frame();
      expect((await sink.read(160, { timeoutMs: 0 }))?.pcm[0]).toBe(1);
      sink.close();
    },
    "0 frames gives all there is": async () => {
      const { sink, frame } = sinkOnScript();
      for (let at = 0; at < 3; at++) frame();
      expect((await sink.read(0, { timeoutMs: 0 }))?.samplesPerChannel).toBe(240);
      expect(sink.bufferedMs).toBe(0);
      sink.close();
    },
  },
};

for (const [object, sentences] of Object.entries(rows)) {
  describe(`semantics of ${object}`, () => {
    for (const [sentence, check] of Object.entries(sentences)) it(sentence, check);
  });
}
