import { describe, expect, it } from "vitest";
import { parseFarMessage } from "./wire.ts";

describe("a text message of the far side", () => {
  it("may be the start, with its rate and what was added, and with a space in front", () => {
    const start = { type: "start", sampleRate: 24_000, fields: { caller: "7" } };
    expect(parseFarMessage('{"content-type":"audio/l16;rate=24000","caller":"7"}')).toEqual(start);
    const spaced = ' {"event":"websocket:connected","content-type":"audio/l16; rate=8000"}';
    expect(parseFarMessage(spaced)).toEqual({ type: "start", sampleRate: 8_000, fields: {} });
    expect(parseFarMessage('{"content-type":"audio/opus"}')).toMatchObject({ sampleRate: undefined });
  });

  it.each<[string, number | undefined]>([
    ["audio/l16;rate=16000;channels=1", 16_000],
    ["Audio/L16; channels=1; RATE=8000", 8_000],
    ['audio/l16;rate="24000"', 24_000],
    ["audio/l16 ;rate=24000;", 24_000],
    ["audio/l16;rate=16000;channels=2", undefined],
    ["audio/l16;rate=44100", undefined],
    ["audio/l16", undefined],
    ["audio/l160;rate=16000", undefined],
    ["rate=16000", undefined],
    ["", undefined],
  ])("has the rate of %j: %s", (contentType, sampleRate) => {
    const text = JSON.stringify({ "content-type": contentType });
    expect(parseFarMessage(text)).toEqual({ type: "start", sampleRate, fields: {} });
  });

  it("may be audio", () => {
    expect(parseFarMessage('{"audio":"AQID"}')).toEqual({ type: "audio", pcm: Buffer.from([1, 2, 3]) });
  });

  it.each([
    ['{"event":"websocket:dtmf","digit":"5","duration":260}', { type: "dtmf", digit: "5", durationMs: 260 }],
    ['{"digit":"#","duration":"100"}', { type: "dtmf", digit: "#", durationMs: 100 }],
    ['{"digit":7}', { type: "dtmf", digit: "7", durationMs: 0 }],
    ['{"event":"websocket:media:update","active":false}', { type: "mediaUpdate", active: false }],
    ['{"event":"websocket:cleared"}', { type: "cleared" }],
    ['{"event":"websocket:notify","payload":{"a":1}}', { type: "notify", payload: { a: 1 } }],
    ['{"event":"websocket:disconnected"}', { type: "disconnected" }],
  ])("is known: %s", (text, message) => {
    expect(parseFarMessage(text)).toEqual(message);
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '{"event":"websocket:dtmf"}',
    '{"digit":"55"}',
    '{"digit":{}}',
    '{"event":"websocket:media:update","active":"yes"}',
    '{"event":"other","audio":"AA=="}',
    '{"hello":"world"}',
  ])("is anything else: %s", (text) => {
    expect(parseFarMessage(text)).toEqual({ type: "other" });
  });
});
