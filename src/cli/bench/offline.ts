import type { Engine } from "../../native/index.ts";

const TICK_US = 10_000;

/** Something like speech: bursts of a tone that glides, over some noise; the same in every run. */
export function speech(seconds: number, sampleRate: number): Int16Array {
  let seed = 1;
  return Int16Array.from({ length: seconds * sampleRate }, (_, at) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    const time = at / sampleRate;
    const envelope = Math.max(0, Math.sin(2 * Math.PI * 2 * time));
    const voice = Math.sin(2 * Math.PI * (150 + 30 * Math.sin(time)) * time);
    return Math.round(1_200 * envelope * voice + (seed / 2 ** 30 - 1) * 60);
  });
}

/** Runs `seconds` of an engine by hand; gives the CPU time that it took as a share of that time. */
export function shareOfCore(engine: Engine, seconds: number): number {
  const began = process.cpuUsage();
  for (let us = TICK_US; us <= seconds * 1_000_000; us += TICK_US) engine.tick(us);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / (seconds * 1_000_000);
}
