import { describe, expect, it } from "vitest";
import { decodeWav } from "./decodeWav.ts";
import { encodeWav } from "./encodeWav.ts";
import { recordingHeader, wavHeader } from "./wav.ts";

const samples = Int16Array.of(1, -2, 3, -4);
const data = Buffer.from(samples.buffer);
const file = Buffer.concat([wavHeader({ sampleRate: 8_000, channels: 2, dataBytes: data.length }), data]);

describe("decodeWav", () => {
  it("gives back what was written", () => {
    expect(decodeWav(file)).toEqual({ pcm: samples, sampleRate: 8_000, channels: 2 });
  });

  it("gives back what encodeWav made of a frame", () => {
    const audio = { pcm: samples, sampleRate: 44_100, channels: 1 };
    expect(decodeWav(encodeWav(audio))).toEqual(audio);
    expect(() => encodeWav({ ...audio, channels: 3 })).toThrow(
      expect.objectContaining({ code: "INVALID_AUDIO" }),
    );
  });

  it("reads a recording's header, with sizes in 64 bits too", () => {
    const header = (dataBytes: number) => recordingHeader({ sampleRate: 8_000, channels: 2, dataBytes });
    expect(decodeWav(Buffer.concat([header(data.length), data])).pcm).toEqual(samples);
    const large = header(2 ** 33);
    large.writeBigUInt64LE(BigInt(data.length), 28);
    expect(decodeWav(Buffer.concat([large, data, Buffer.from("LIST0000")])).pcm).toEqual(samples);
  });

  it("passes over chunks that it does not know", () => {
    const extra = Buffer.concat([Buffer.from("LIST"), Buffer.from([3, 0, 0, 0]), Buffer.from("abc\0")]);
    expect(decodeWav(Buffer.concat([file.subarray(0, 12), extra, file.subarray(12)])).pcm).toEqual(samples);
  });

  it("reads to the end when the header says more than there is", () => {
    const stream = Buffer.from(file);
    stream.writeUInt32LE(0xffff_ffff, 40);
    expect(decodeWav(stream.subarray(0, stream.length - 1)).pcm).toEqual(samples.subarray(0, 2));
  });

  it("refuses everything else", () => {
    const wide = Buffer.from(file);
    wide.writeUInt16LE(24, 34);
    const silent = Buffer.from(file);
    silent.writeUInt16LE(0, 22);
    const cases = [
      Buffer.alloc(0),
      Buffer.from("RIFFxxxxWAVE"),
      Buffer.alloc(100),
      wide,
      silent,
      file.subarray(0, 30),
    ];
    for (const bytes of cases)
      expect(() => decodeWav(bytes)).toThrow(expect.objectContaining({ code: "INVALID_AUDIO" }));
    for (let length = 0; length < file.length; length++) {
      try {
        decodeWav(file.subarray(0, length));
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_AUDIO" });
      }
    }
  });
});
