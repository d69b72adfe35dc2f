import type { Impairment } from "troupe/testing";
import { type Checks, expect } from "../sora/Checks.ts";
import { type Case, rowsAgainst } from "./Case.ts";
import type { ChannelKind, Implementation } from "./Counterpart.ts";
import { echoes, type Ours, until } from "./Ours.ts";

const KIB = 1024;
export const CHANNEL_KINDS: Record<string, ChannelKind> = {
  ordered: {},
  unordered: { ordered: false },
  "maxRetransmits 0": { ordered: false, maxRetransmits: 0 },
  "maxRetransmits 3, ordered": { maxRetransmits: 3 },
  "maxPacketLifeTime 200 ms": { ordered: false, maxPacketLifeTimeMs: 200 },
  "a protocol": { protocol: "chat" },
  "negotiated id 40": { id: 40 },
};
const IMPAIRMENTS: Record<string, Impairment> = {
  "0 % loss": { delayMs: 5 },
  "5 % loss": { loss: 0.05, delayMs: 5 },
  "20 % loss": { loss: 0.2, delayMs: 5 },
  // IPv4 and UDP take 28 bytes of it.
  "a path of 1280 bytes": { maximumPacketBytes: 1280 - 28 },
  "a path of 1200 bytes": { maximumPacketBytes: 1200 - 28 },
};
const RESTARTS = [
  ["ours", "same-sockets"],
  ["ours", "new-sockets"],
  ["theirs", "same-sockets"],
] as const;

/** Every case of the table against one implementation. */
export async function runTable(checks: Checks, implementation: Implementation): Promise<void> {
  const { lacks } = implementation;
  const withCase = rowsAgainst(checks, implementation);
  const hearsAndEchoes = async (one: Case) => {
    if (!lacks.includes("audio echo")) await one.ours.hearsTone();
    await echoes(one.ours.channels.get("data") ?? one.ours.open("data"), "a message");
  };

  for (const offerer of ["ours", "theirs"] as const) {
    for (const trickle of [true, false]) {
      const how = `${offerer === "ours" ? "we offer" : "they offer"}, ${trickle ? "trickle" : "candidates in the descriptions"}`;
      await withCase(how, { offerer, trickle }, async (one) => {
        await hearsAndEchoes(one);
        return pathOf(one.ours);
      });
    }
  }
  if (!lacks.includes("setup")) {
    for (const setup of ["active", "passive"] as const) {
      await withCase(`they answer ${setup}`, { offerer: "ours", setup }, async (one) => {
        await hearsAndEchoes(one);
        return `DTLS ${roleOf(one.ours)} here`;
      });
    }
  }
  if (!lacks.includes("ICE over TCP")) {
    for (const offerer of ["ours", "theirs"] as const) {
      const how = `ICE over TCP, ${offerer === "ours" ? "we" : "they"} offer`;
      await withCase(how, { offerer, onlyTcp: true }, async (one) => {
        await hearsAndEchoes(one);
        await echoes(one.ours.channels.get("data")!, new Uint8Array(50_000).fill(9));
        return pathOf(one.ours);
      });
    }
  }
  for (const [kindName, kind] of Object.entries(CHANNEL_KINDS)) {
    await withCase(`a data channel, ${kindName}`, { offerer: "ours" }, async (one) => {
      const channel = one.ours.open("kind", kind);
      if (kind.id !== undefined) await one.theirs.open("kind", kind);
      await until(
        "it is open on both sides",
        async () => (await one.theirs.openLabels()).includes("kind") && channel.state === "open",
      );
      await echoes(channel, "text, ünïcode");
      await echoes(channel, "");
      await echoes(channel, new Uint8Array([0, 255, 1]));
      await echoes(channel, new Uint8Array(0));
      return undefined;
    });
  }
  await withCase("a channel that they open", { offerer: "theirs" }, async (one) => {
    await until("it comes", () => one.ours.channels.has("theirs"));
    await echoes(one.ours.channels.get("theirs")!, "to and fro");
    return undefined;
  });
  await withCase("large messages", { offerer: "ours" }, async (one) => {
    const channel = one.ours.open("large");
    await echoes(channel, "first");
    const most = Math.min(one.ours.session.remoteMaximumMessageSize, 256 * KIB);
    const sizes = [16 * KIB, 60 * KIB, ...(lacks.includes("256 KiB") ? [] : [most])];
    for (const size of sizes) await echoes(channel, new Uint8Array(size).fill(size % 251));
    const error = thrownBy(() => channel.send(new Uint8Array(most + 1)));
    expect(/\d/.test(error?.message ?? ""), `one byte more gave ${error?.message}`);
    await echoes(channel, "and on");
    return `at most ${most} bytes; above: ${error?.message}`;
  });
  for (const [offerer, form] of RESTARTS) {
    if (lacks.includes("ice restart")) continue;
    const who = offerer === "ours" ? "us" : "them";
    await withCase(`ICE restart by ${who}, ${form}`, { offerer }, async (one) => {
      await hearsAndEchoes(one);
      const before = pathOf(one.ours);
      await one.restart(form);
      if (form === "new-sockets") await until("the path is another", () => pathOf(one.ours) !== before);
      await one.connected();
      await hearsAndEchoes(one);
      return `${before}, then ${pathOf(one.ours)}`;
    });
  }
  for (const [path, impairment] of Object.entries(IMPAIRMENTS)) {
    if (path === "a path of 1200 bytes" && lacks.includes("small packets")) continue;
    const began = performance.now();
    await withCase(`over ${path}`, { offerer: "ours", impairment }, async (one) => {
      const connectedMs = performance.now() - began;
      if (!lacks.includes("audio echo")) await one.ours.hearsTone();
      const channel = one.ours.open("ordered");
      // Others wait longer and longer for what is lost twice and more: 1, 2, 4, 8 s and so on.
      const isBad = impairment.loss === 0.2;
      const withinMs = isBad ? 60_000 : 20_000;
      await echoes(channel, new Uint8Array((isBad ? 10 : 60) * KIB).fill(7), withinMs);
      await inOrder(channel, 100, withinMs);
      return `connected within ${connectedMs.toFixed(0)} ms`;
    });
  }
  await withCase("a channel closed by us", { offerer: "ours" }, async (one) => {
    const channel = one.ours.open("short");
    await echoes(channel, "hello");
    await echoes(one.ours.open("other"), "hello");
    channel.close();
    await until("it is closed there", async () => !(await one.theirs.openLabels()).includes("short"));
    await until("it is closed here", () => channel.state === "closed");
    await echoes(one.ours.channels.get("other")!, "still here");
    return undefined;
  });
  await withCase("a channel closed by them", { offerer: "ours" }, async (one) => {
    const channel = one.ours.open("short");
    await echoes(channel, "hello");
    await one.theirs.closeChannel("short");
    await until("it is closed here", () => channel.state === "closed");
    await echoes(one.ours.open("next"), "a new one opens");
    return undefined;
  });
  await withCase("the connection closed by them", { offerer: "ours" }, async (one) => {
    await hearsAndEchoes(one);
    const closedAt = performance.now();
    await one.closeTheirs();
    await until("ours knows", () => one.ours.transportState !== "connected");
    return `${one.ours.transportState} after ${(performance.now() - closedAt).toFixed(0)} ms`;
  });
  await withCase("the connection closed by us", { offerer: "ours" }, async (one) => {
    await hearsAndEchoes(one);
    const closedAt = performance.now();
    one.ours.close();
    await until("theirs knows", async () => (await one.theirs.state()) !== "connected");
    return `${await one.theirs.state()} after ${(performance.now() - closedAt).toFixed(0)} ms`;
  });
}

/** Sends numbers one after the other; they come back complete and in order. */
async function inOrder(channel: ReturnType<Ours["open"]>, count: number, withinMs?: number): Promise<void> {
  const back: string[] = [];
  const stop = channel.events.on("message", (data) => back.push(data.toString()));
  for (let number = 0; number < count; number++) channel.send(`${number}`);
  await until("all came back", () => back.length >= count, withinMs);
  stop();
  expect(
    back.every((text, index) => text === `${index}`),
    `came back as ${back.slice(0, 20).join(" ")}`,
  );
}

function pathOf({ path }: Ours): string {
  return `${path.local.address}:${path.local.port} to ${path.remote.address}:${path.remote.port}`;
}

function roleOf(ours: Ours): string {
  const found = ours.stats.find((one) => one.type === "transport");
  return found && "dtlsRole" in found ? found.dtlsRole : "unknown";
}

function thrownBy(work: () => unknown): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
