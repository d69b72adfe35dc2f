import { expect, it } from "vitest";
import { stretched } from "./samples.ts";

const SAMPLE_RATE = 16_000;

function tone(hz: number, samples: number, length = samples): Int16Array {
  const step = (2 * Math.PI * hz * ((samples - 1) / (length - 1))) / SAMPLE_RATE;
  return new Int16Array(length).map((_, at) => 10_000 * Math.sin(at * step));
}

it.each([200, 1_000, 3_000])("a tone of %i Hz that is a sample longer or shorter is the same tone", (hz) => {
  const pcm = tone(hz, 320);
  for (const by of [-1, 1]) {
    const out = stretched(pcm, by);
    const ideal = tone(hz, 320, 320 + by);
    const error = Math.sqrt(
      out.reduce((sum, sample, at) => sum + (sample - ideal[at]!) ** 2, 0) / out.length,
    );
    expect(out).toHaveLength(320 + by);
    expect([out[0], out.at(-1)]).toEqual([pcm[0], pcm.at(-1)]);
    expect(error).toBeLessThan(hz < 2_000 ? 100 : 600);
  }
});

it("stays within 16 bits, and comes to no harm from short or empty audio", () => {
  const steps = new Int16Array(64).map((_, at) => (at % 4 < 2 ? 32_767 : -32_768));
  expect(stretched(steps, 1).filter((sample) => Math.abs(sample) > 16_000).length).toBeGreaterThan(32);
  expect(stretched(Int16Array.of(5), 1)).toEqual(Int16Array.of(5, 5));
  expect(stretched(Int16Array.of(5, 6), -1)).toEqual(Int16Array.of(5));
  expect(stretched(Int16Array.of(5), -1)).toHaveLength(0);
  expect(stretched(new Int16Array(0), 0)).toHaveLength(0);
});
