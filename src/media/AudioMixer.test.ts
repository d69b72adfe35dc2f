import { describe, expect, it } from "vitest";
import { TypedEvents } from "../core/index.ts";
import type { EngineMixer, EngineProducer } from "../native/index.ts";
import { AudioMixer } from "./AudioMixer.ts";
import { AudioSource } from "./AudioSource.ts";
import { LevelMeter } from "./LevelMeter.ts";
import type { AudioProducer, ProducerEvents } from "./producer.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";

class Track implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  producer: EngineProducer | null = null;

  change(producer: EngineProducer | null): void {
    this.producer = producer;
    this.producerEvents.emit("changed", producer);
  }
}

function create() {
  const engine = new ScriptedEngine();
  const mixer = new AudioMixer({ sampleRate: 16_000 }, engine);
  const source = new AudioSource({ sampleRate: 16_000 }, engine);
  /** Calls to the engine since the last look, without the handles that they begin with. */
  const calls = () => engine.calls.splice(0).map((call) => call.replace(/^(\S+) \d+/, "$1"));
  calls();
  return { engine, mixer, source, calls };
}

describe("AudioMixer", () => {
  it("adds, changes and removes inputs; the source is consumed meanwhile", () => {
    const { mixer, source, calls } = create();
    const input = mixer.add(source, { gain: 0.5 });
    expect(calls()).toEqual([`mixerAddInput ${source.producer!.handle} 0.5`]);
    expect(mixer.inputs).toEqual([input]);
    input.setGain(0.2, { rampMs: 150 });
    expect(calls()[0]).toMatch(/^mixerSetGain \d+ 0.2 150$/);
    expect(input.gain).toBe(0.2);
    input.remove();
    expect(calls()[0]).toMatch(/^mixerRemoveInput \d+$/);
    expect(source.state).toBe("detached");
    expect(mixer.inputs).toEqual([]);
    input.setGain(1);
    expect(calls()).toEqual([]);
    mixer.close();
    source.close();
  });

  it("follows a track over a reconnect at the gain it has by then", () => {
    const { engine, mixer, calls } = create();
    const track = new Track();
    const input = mixer.add(track);
    expect(calls()).toEqual([]);
    input.setGain(0.3);
    const receiver = engine.createSource({ sampleRate: 16_000, channels: 1, capacityMs: 100 });
    track.change(receiver);
    expect(calls()).toEqual([`mixerAddInput ${receiver.handle} 0.3`]);
    track.change(null);
    expect(calls()[0]).toMatch(/^mixerRemoveInput/);
    track.producerEvents.emit("ended");
    expect(input.removed).toBe(true);
    mixer.close();
  });

  it("gives each input the mix without itself, over a reconnect too", () => {
    const { engine, mixer, calls } = create();
    const track = new Track();
    const minus = mixer.add(track).minus();
    const changes: (EngineProducer | null)[] = [];
    minus.producerEvents.on("changed", (producer) => changes.push(producer));
    expect(minus.producer).toBe(mixer.producer);
    track.change(engine.createSource({ sampleRate: 16_000, channels: 1, capacityMs: 100 }));
    const first = minus.producer;
    expect(calls().some((call) => call.startsWith("mixerMinus"))).toBe(true);
    track.change(null);
    expect(first?.closed).toBe(true);
    expect(minus.producer).toBe(mixer.producer);
    mixer.close();
    expect(minus.producerEnded).toBe(true);
    expect(changes.at(-1)).toBeNull();
  });

  it("says when an input starves, and ends inputs with itself but not their producers", () => {
    const { engine, mixer, source } = create();
    const heard: string[] = [];
    const input = mixer.add(source);
    const added = engine.lastMixerInput;
    for (const name of ["starved", "flowing", "removed"] as const) input.on(name, () => heard.push(name));
    engine.mixerInput(mixer.producer, added, "starved");
    engine.mixerInput(mixer.producer, added + 1_000, "starved");
    engine.mixerInput(mixer.producer, added, "flowing");
    mixer.close();
    expect(heard).toEqual(["starved", "flowing", "removed"]);
    expect(source.closed).toBe(false);
    expect(() => mixer.add(source)).toThrow(expect.objectContaining({ code: "CLOSED" }));
    source.close();
  });

  it("tells who speaks, and when that input has left", () => {
    const { engine, mixer, source } = create();
    const heard: unknown[] = [];
    mixer.on("dominantSpeaker", (speaker) => heard.push(speaker));
    const input = mixer.add(source);
    const number = engine.lastMixerInput;
    engine.dominantSpeaker(mixer.producer, number);
    engine.dominantSpeaker(mixer.producer, number);
    expect(mixer.dominantSpeaker).toBe(input);
    input.remove();
    engine.dominantSpeaker(mixer.producer, 0);
    expect(heard).toEqual([input, null]);
    mixer.close();
    source.close();
  });

  it("refuses itself, what is no producer, and gains out of range", () => {
    const { mixer, source } = create();
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => mixer.add(mixer)).toThrow(invalid);
    expect(() => mixer.add(undefined as never)).toThrow(invalid);
    expect(() => mixer.add(source, { gain: -1 })).toThrow(invalid);
    expect(() => mixer.add(source).setGain(Number.NaN)).toThrow(invalid);
    source.close();
    expect(() => mixer.add(source)).toThrow(expect.objectContaining({ code: "CLOSED" }));
    mixer.close();
  });
});

describe("an input that the engine refuses", () => {
  it("leaves nothing behind", () => {
    const { engine, mixer, source } = create();
    const track = new Track();
    track.producer = source.producer;
    const refuse = () => {
      throw new Error("it would hear itself");
    };
    Object.assign(engine, { mixerAddInput: refuse });
    expect(() => mixer.add(track)).toThrow("hear itself");
    expect(mixer.inputs).toEqual([]);
    expect(track.producerEvents.listenerCount("changed")).toBe(0);
    expect((mixer.producer as EngineMixer).events.listenerCount("input")).toBe(0);
    mixer.close();
    source.close();
  });
});

describe("LevelMeter", () => {
  it("asks for levels at the shortest interval that anybody wants, and for none once all are closed", () => {
    const { source, calls } = create();
    const slow = new LevelMeter(source, { intervalMs: 200 });
    const fast = new LevelMeter(source, { intervalMs: 50 });
    fast.close();
    slow.close();
    expect(calls()).toEqual(["200", "50", "200", "0"].map((ms) => `producerSetLevelInterval ${ms}`));
    expect(source.state).toBe("detached");
    source.close();
  });

  it("reports levels until its producer ends", () => {
    const { engine, source } = create();
    const levels: number[] = [];
    const meter = new LevelMeter(source);
    meter.on("level", ({ rms }) => levels.push(rms));
    engine.level(source.producer, -20);
    const producer = source.producer;
    source.close();
    engine.level(producer, -30);
    expect(levels).toEqual([-20]);
  });
});
