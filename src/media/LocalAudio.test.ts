import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../native/index.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { type AudioDriver, type DeviceStreamOptions, loadAudioDriver } from "./audioDriver.ts";
import { listAudioDevices, Microphone, Speaker } from "./LocalAudio.ts";

afterAll(() => Engine.stop());

const FRAME_BYTES = 960;

/** A sound card of the test: it says what was written, and hears what the test gives it. */
class FakeDriver implements AudioDriver {
  readonly written: number[] = [];
  readonly opened: DeviceStreamOptions[] = [];
  closed = 0;
  hear: (frame: Buffer) => void = () => {};
  played: () => void = () => {};

  devices() {
    const both = { inputChannels: 2, outputChannels: 2, sampleRates: [48_000] };
    return [
      { id: 1, name: "hall", ...both, isDefaultInput: false, isDefaultOutput: false },
      { id: 2, name: "desk", ...both, isDefaultInput: true, isDefaultOutput: true },
    ];
  }

  openInput(options: DeviceStreamOptions, heard: (frame: Buffer) => void) {
    this.hear = heard;
    return this.#open(options);
  }

  openOutput(options: DeviceStreamOptions, played: () => void) {
    this.played = played;
    return this.#open(options);
  }

  #open(options: DeviceStreamOptions) {
    this.opened.push(options);
    return {
      write: (frame: Buffer) => {
        expect(frame.length).toBe(FRAME_BYTES);
        this.written.push(frame.readInt16LE(0));
      },
      close: () => {
        this.closed += 1;
      },
    };
  }
}

describe("Microphone", () => {
  it("is a producer of what the default device hears", async () => {
    const driver = new FakeDriver();
    using microphone = new Microphone({}, driver);
    expect(microphone.device.name).toBe("desk");
    using sink = new AudioSink(microphone);
    const heard = Promise.withResolvers<void>();
    sink.on("frame", ({ pcm }) => {
      if (pcm.every((sample) => sample === 0x0101)) heard.resolve();
      driver.hear(Buffer.alloc(FRAME_BYTES, 1));
    });
    driver.hear(Buffer.alloc(FRAME_BYTES, 1));
    await heard.promise;
    microphone.close();
    driver.hear(Buffer.alloc(FRAME_BYTES, 1));
    expect([driver.closed, sink.closed]).toEqual([1, true]);
  });

  it("drops what nobody plays in time, and counts it", () => {
    const driver = new FakeDriver();
    using microphone = new Microphone({}, driver);
    for (let at = 0; at < 30; at++) driver.hear(Buffer.alloc(FRAME_BYTES, 1));
    expect(microphone.droppedMs).toBe(100);
  });

  it("says what a device reports, and refuses one that is not there", () => {
    const driver = new FakeDriver();
    using microphone = new Microphone({ deviceId: 1 }, driver);
    expect(microphone.device.name).toBe("hall");
    const failures: string[] = [];
    microphone.on("failed", (error) => failures.push(error.message));
    driver.opened[0]!.error("unplugged");
    expect(failures).toEqual(["The microphone reports: unplugged"]);
    const unsupported = expect.objectContaining({ code: "NOT_SUPPORTED" });
    expect(() => new Microphone({ deviceId: 9 }, driver)).toThrow(unsupported);
    driver.openInput = () => {
      throw new Error("busy");
    };
    expect(() => new Microphone({}, driver)).toThrow(unsupported);
    driver.devices = () => [];
    expect(() => new Microphone({}, driver)).toThrow("This machine has no microphone");
  });
});

describe("Speaker", () => {
  it("plays a source with a short lead, bounded, and ends with it", async () => {
    const driver = new FakeDriver();
    const source = new AudioSource();
    using speaker = new Speaker(source, {}, driver);
    const feeding = (async () => {
      while (!source.closed) await source.write(new Int16Array(4_800).fill(7)).catch(() => {});
    })();
    while (speaker.droppedMs === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(driver.written.slice(0, 3)).toEqual([0, 0, 0]);
    expect(driver.written.length).toBe(20);
    expect(driver.written.at(-1)).toBe(7);
    driver.played();
    while (driver.written.length < 21) await new Promise((resolve) => setImmediate(resolve));
    source.close();
    await feeding;
    expect([speaker.closed, driver.closed]).toEqual([true, 1]);
  });
});

describe("the driver over audify", () => {
  it("says how to install what is missing", () => {
    const missing = () => {
      throw new Error("Cannot find module");
    };
    expect(() => loadAudioDriver(missing)).toThrow(
      expect.objectContaining({
        code: "NOT_INSTALLED",
        message: expect.stringContaining("npm install audify"),
      }),
    );
  });

  it("lists devices and opens streams of 16-bit samples", () => {
    const calls: unknown[][] = [];
    class RtAudio {
      getDevices() {
        const [device] = new FakeDriver().devices();
        return [{ ...device, isDefaultInput: 1, isDefaultOutput: 0, duplexChannels: 2 }];
      }
      openStream(...values: unknown[]) {
        calls.push(values);
      }
      start() {
        calls.push(["start"]);
      }
      write(frame: Buffer) {
        calls.push(["write", frame.length]);
      }
      closeStream() {
        calls.push(["close"]);
      }
    }
    const driver = loadAudioDriver(() => ({ RtAudio }));
    expect(listAudioDevices(driver)).toEqual([
      expect.objectContaining({ id: 1, isDefaultInput: true, isDefaultOutput: false }),
    ]);
    const errors: string[] = [];
    const error = (message: string) => errors.push(message);
    const options = { deviceId: 1, sampleRate: 48_000, channels: 2, frameSamples: 480, error };
    const heard = () => {};
    driver.openInput(options, heard).close();
    const output = driver.openOutput(options, () => {});
    output.write(Buffer.alloc(8));
    const device = { deviceId: 1, nChannels: 2 };
    expect(calls[0]!.slice(0, 7)).toEqual([null, device, 2, 48_000, 480, "troupe", heard]);
    const report = calls[0]![9] as (type: number, message: string) => void;
    report(1, "only a warning");
    report(8, "the driver broke");
    expect(errors).toEqual(["the driver broke"]);
    expect(calls.slice(1, 3)).toEqual([["start"], ["close"]]);
    expect(calls[3]!.slice(0, 3)).toEqual([device, null, 2]);
    expect(calls.at(-1)).toEqual(["write", 8]);
  });
});
