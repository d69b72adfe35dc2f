import { describe, expect, it } from "vitest";
import { DEFAULT_SPEECH_GATE, type SpeechChange, SpeechGate } from "./SpeechGate.ts";

const CHUNK_US = 32_000;

function run(probabilities: number[], gate = new SpeechGate(DEFAULT_SPEECH_GATE)): SpeechChange[] {
  return probabilities.flatMap((probability, index) =>
    gate.push(probability, index * CHUNK_US, (index + 1) * CHUNK_US),
  );
}

const repeat = (value: number, times: number) => new Array<number>(times).fill(value);

describe("SpeechGate", () => {
  it("suspects the first voiced chunk and starts after the onset, dated back to its beginning", () => {
    expect(run([0, 0.9, 0.9])).toEqual([
      { type: "suspected", timestampUs: CHUNK_US },
      { type: "started", timestampUs: CHUNK_US },
    ]);
  });

  it("dismisses what is shorter than the onset", () => {
    expect(run([0, 0.9, 0, 0]).map((change) => change.type)).toEqual(["suspected", "dismissed"]);
  });

  it("does not dismiss a voice for the closed mouth in a word's beginning", () => {
    expect(run([0, 0.9, 0.1, 0.9])).toEqual([
      { type: "suspected", timestampUs: CHUNK_US },
      { type: "started", timestampUs: CHUNK_US },
    ]);
  });

  it("dismisses what stays between the two thresholds", () => {
    const changes = run([0.9, ...repeat(0.4, 20)]);
    expect(changes.map((change) => change.type)).toEqual(["suspected", "dismissed"]);
  });

  it("bridges a pause that is shorter than the hangover", () => {
    const pause = repeat(0.1, 13);
    expect(run([0.9, 0.9, ...pause, 0.9, 0.9]).map((change) => change.type)).toEqual([
      "suspected",
      "started",
    ]);
  });

  it("stops after the hangover, dated back to the end of the voice", () => {
    const changes = run([0.9, 0.9, 0.9, ...repeat(0, 15)]);
    expect(changes.at(-1)).toEqual({ type: "stopped", timestampUs: 3 * CHUNK_US });
  });

  it("holds speech between the two thresholds, but does not start there", () => {
    expect(run(repeat(0.4, 20))).toEqual([]);
    expect(run([0.9, 0.9, ...repeat(0.4, 40)]).map((change) => change.type)).toEqual([
      "suspected",
      "started",
    ]);
  });

  it("stops when the audio ends", () => {
    const gate = new SpeechGate(DEFAULT_SPEECH_GATE);
    run([0.9, 0.9], gate);
    expect(gate.end()).toEqual([{ type: "stopped", timestampUs: 2 * CHUNK_US }]);
    expect(gate.end()).toEqual([]);
  });
});
