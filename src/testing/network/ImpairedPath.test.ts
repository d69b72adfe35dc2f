import { describe, expect, it } from "vitest";
import { ImpairedPath } from "./ImpairedPath.ts";
import { type Impairment, parseImpairment } from "./impairment.ts";

const pathOf = (impairment: Impairment) => new ImpairedPath(parseImpairment(impairment));

function rtp(sequence: number, { ssrc = 7, bytes = 100, type = 111 } = {}): Uint8Array {
  const packet = Buffer.alloc(bytes);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(type, 1);
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

/** Sends `count` packets, one every 20 ms; gives the indexes that were lost. */
function lostOf(path: ImpairedPath, count: number, firstSequence = 0, ssrc = 7): number[] {
  return Array.from({ length: count }, (_, index) => index).filter(
    (index) => path.accept(rtp(firstSequence + index, { ssrc }), index * 20).length === 0,
  );
}

/** How many packets in a row were lost, each time. */
function runsOf(lost: readonly number[]): number[] {
  return lost.reduce<number[]>((lengths, index, at) => {
    if (at > 0 && lost[at - 1] === index - 1) lengths[lengths.length - 1]! += 1;
    else lengths.push(1);
    return lengths;
  }, []);
}

/** When each of `count` packets, one every 20 ms, comes out; NaN when it does not. */
function timesOf(impairment: Impairment, count: number): number[] {
  const path = pathOf(impairment);
  return Array.from({ length: count }, (_, index) => path.accept(rtp(index), index * 20)[0] ?? Number.NaN);
}

describe("an impaired path", () => {
  it("lets everything through at once when nothing is asked", () => {
    expect(timesOf({}, 3)).toEqual([0, 20, 40]);
  });

  it("loses the share that was asked, by the seed", () => {
    const lost = lostOf(pathOf({ loss: 0.1 }), 10_000);
    expect(lost.length).toBeGreaterThan(900);
    expect(lost.length).toBeLessThan(1_100);
    expect(lostOf(pathOf({ loss: 0.1 }), 10_000)).toEqual(lost);
    expect(lostOf(pathOf({ loss: 0.1, seed: 2 }), 10_000)).not.toEqual(lost);
  });

  it("loses the same packets for two receivers whose server numbers them differently", () => {
    for (const impairment of [
      { loss: 0.2 },
      { bursts: { probability: 0.01, packets: 5 } },
      { gilbertElliott: { p: 0.02, r: 0.3 } },
    ]) {
      const first = lostOf(pathOf(impairment), 2_000, 65_000, 11);
      const second = lostOf(pathOf(impairment), 2_000, 12, 99);
      expect(first.length).toBeGreaterThan(20);
      expect(second).toEqual(first);
    }
  });

  it("loses the same packets when they come in another order", () => {
    const impairment = {
      loss: 0.3,
      bursts: { probability: 0.02, packets: 3 },
      gilbertElliott: { p: 0.1, r: 0.3 },
    };
    const lost = new Set(lostOf(pathOf(impairment), 1_000));
    const path = pathOf(impairment);
    path.accept(rtp(0), 0);
    for (let index = 1; index + 1 < 1_000; index += 2)
      for (const swapped of [index + 1, index])
        expect(path.accept(rtp(swapped), index * 20).length === 0, `packet ${swapped}`).toBe(
          lost.has(swapped),
        );
  });

  it("gives a retransmission a coin of its own", () => {
    const path = pathOf({ loss: 0.5 });
    const lost = lostOf(path, 900);
    const lostAgain = lost.filter((index) => path.accept(rtp(index), 20_000).length === 0);
    expect(lostAgain.length / lost.length).toBeGreaterThan(0.35);
    expect(lostAgain.length / lost.length).toBeLessThan(0.65);
    expect(path.counters).toMatchObject({ rtpPackets: 900, rtpDropped: lost.length });
  });

  it("loses bursts whole", () => {
    const runs = runsOf(lostOf(pathOf({ bursts: { probability: 0.01, packets: 5 } }), 5_000));
    expect(runs.length).toBeGreaterThan(25);
    // The last may be cut short by the end.
    expect(Math.min(...runs.slice(0, -1))).toBe(5);
  });

  it("loses by the chain of Gilbert and Elliott: the share and the length of its bad state", () => {
    for (const [p, r] of [
      [0.02, 0.25],
      [0.005, 0.1],
      [0.7, 0.9],
    ] as const) {
      const path = pathOf({ gilbertElliott: { p, r } });
      const lost = lostOf(path, 40_000);
      const runs = runsOf(lost);
      expect(lost.length / 40_000 / (p / (p + r)), `share of p ${p}, r ${r}`).toBeCloseTo(1, 0.7);
      expect((lost.length / runs.length) * r, `mean length of p ${p}, r ${r}`).toBeCloseTo(1, 0.7);
      expect(path.counters).toMatchObject({ lost: 0, lostInBurst: lost.length });
      expect(lostOf(pathOf({ gilbertElliott: { p, r } }), 40_000)).toEqual(lost);
      expect(lostOf(pathOf({ gilbertElliott: { p, r }, seed: 2 }), 40_000)).not.toEqual(lost);
    }
  });

  it("loses in each state of the chain what is asked, and retransmissions as in the long run", () => {
    const path = pathOf({ gilbertElliott: { p: 0.05, r: 0.05, lossInGood: 0.1, lossInBad: 0.5 } });
    const lost = lostOf(path, 40_000);
    const { lost: good, lostInBurst: bad } = path.counters;
    expect(good / 20_000).toBeCloseTo(0.1, 2);
    expect(bad / 20_000).toBeCloseTo(0.5, 1.3);
    expect(bad).toBeGreaterThan(4 * good);
    const recent = lost.filter((index) => index > 39_000);
    const lostAgain = recent.filter((index) => path.accept(rtp(index), 900_000).length === 0);
    expect(lostAgain.length / recent.length).toBeCloseTo(0.3, 0.8);
  });

  it("delays all, and jitters each without letting it overtake", () => {
    const times = timesOf({ delayMs: 50, jitterMs: 100 }, 2_000);
    const taken = times.map((at, index) => at - index * 20);
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(50);
    expect(Math.min(...taken)).toBeLessThan(90);
    expect(Math.max(...taken)).toBeGreaterThan(140);
    expect(Math.max(...taken)).toBeLessThanOrEqual(150);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
  });

  it("reorders the share that was asked", () => {
    const times = timesOf({ reordering: { probability: 0.1, delayMs: 50 } }, 1_000);
    const late = times.filter((at, index) => at - index * 20 === 50);
    const onTime = times.filter((at, index) => at === index * 20);
    expect(late.length).toBeGreaterThan(70);
    expect(late.length + onTime.length).toBe(1_000);
  });

  it("duplicates the share that was asked", () => {
    const path = pathOf({ duplication: 0.25 });
    const copies = Array.from({ length: 1_000 }, (_, index) => path.accept(rtp(index), index).length);
    const twice = copies.filter((count) => count === 2).length;
    expect(twice).toBeGreaterThan(200);
    expect(twice).toBeLessThan(300);
    expect(path.counters).toMatchObject({ packets: 1_000, delivered: 1_000 + twice, duplicated: twice });
  });

  it("queues before a bottleneck, and drops what its queue does not hold", () => {
    const path = pathOf({ bandwidth: { bitRate: 80_000, queueMs: 30 } });
    // 100 bytes take 10 ms.
    expect(Array.from({ length: 6 }, (_, index) => path.accept(rtp(index), 0)[0])).toEqual([
      10,
      20,
      30,
      40,
      undefined,
      undefined,
    ]);
    expect(path.counters.overflowed).toBe(2);
    expect(path.accept(rtp(9), 1_000)).toEqual([1_010]);
  });

  it("loses what is larger than it takes", () => {
    const path = pathOf({ maximumPacketBytes: 1200 });
    expect(path.accept(new Uint8Array(1200), 0)).toEqual([0]);
    expect(path.accept(new Uint8Array(1201), 0)).toEqual([]);
    expect(path.counters.oversized).toBe(1);
  });

  it("is out at the end of every period", () => {
    const path = pathOf({ outages: { everyMs: 1_000, lengthMs: 200 } });
    expect(lostOf(path, 100)).toEqual(
      [...Array(10).keys()].map((at) => at + 40).concat([...Array(10).keys()].map((at) => at + 90)),
    );
    expect(path.counters.lostInOutage).toBe(20);
  });

  it("drifts as a sender's clock does", () => {
    const faster = timesOf({ delayMs: 20, clockDriftPpm: 200 }, 3_001);
    expect(faster[3_000]! - 60_000).toBeCloseTo(20 - 12);
    const slower = timesOf({ delayMs: 20, clockDriftPpm: -200 }, 3_001);
    expect(slower[3_000]! - 60_000).toBeCloseTo(20 + 12);
    // An hour takes more than there is to take away.
    expect(timesOf({ delayMs: 20, clockDriftPpm: 1_000 }, 3_001)[3_000]).toBe(60_000);
  });

  it("decides about what is no RTP as it comes, and leaves RTP's coins alone", () => {
    const mixed = pathOf({ loss: 0.5 });
    const report = rtp(0, { type: 200 });
    const lost = Array.from({ length: 400 }, (_, index) => index).filter((index) => {
      mixed.accept(report, index * 20);
      return mixed.accept(rtp(index), index * 20).length === 0;
    });
    expect(lost).toEqual(lostOf(pathOf({ loss: 0.5 }), 400));
    expect(mixed.counters.lost).toBeGreaterThan(lost.length + 120);
  });

  it("spares handshakes when asked to", () => {
    const path = pathOf({ loss: 1, spareHandshakes: true });
    const [stun, dtls] = [Buffer.alloc(20), Buffer.alloc(20, 22)];
    expect(
      [stun, dtls, rtp(0), rtp(0, { type: 200 })].map((packet) => path.accept(packet, 0).length),
    ).toEqual([1, 1, 0, 0]);
  });

  it("takes anything for a packet and nothing for an option", () => {
    const path = pathOf({ loss: 0.5 });
    for (const bytes of [0, 1, 11]) path.accept(new Uint8Array(bytes).fill(0x80), 0);
    expect(path.counters.packets).toBe(3);
    expect(() => pathOf({ loss: 5 })).toThrow(/impairment.loss/);
    expect(() => pathOf({ lost: 0.5 } as Impairment)).toThrow();
  });
});
