import { setTimeout as pause } from "node:timers/promises";
import { openWay } from "../../chaos/way.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { ProcessCounterpart } from "./Counterpart.ts";
import { liveKitThrough } from "./liveKitThrough.ts";
import { type LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

const MESSAGE_EVERY_MS = 200;
const PEACE_MS = 3_000;
/** The server keeps what it sends to somebody who is away for less than 15 s. */
const SHORT_MS = 10_000;
/** It lets go of us in this one. */
const LONG_MS = 19_000;
const SETTLE_MS = 2_000;
const TOPIC = "outage";

type Client = "ours" | "rtc-node";

/** What came to somebody whose media path was away for a while. */
interface Outcome {
  sent: number;
  missing: number;
  /** Of those that were sent before, and 2 s or more after, the outage. */
  missingOutside: number;
}

/** What is lost of reliable data while its receiver's media path is away, beside what LiveKit's own client loses. */
export async function outageChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  await checks.group("a receiver's media path is away", async () => {
    const short = outcomeOf("ours", SHORT_MS, server);
    const theirs = outcomeOf("rtc-node", LONG_MS, server);
    const ours = outcomeOf("ours", LONG_MS, server);
    await Promise.allSettled([short, theirs, ours]);
    await checks.check(`ours loses nothing in ${SHORT_MS} ms`, async () => {
      const outcome = await short;
      expect(outcome.missing === 0, told(outcome));
      return told(outcome);
    });
    await checks.check(`ours loses no more than rtc-node in ${LONG_MS} ms`, async () => {
      const [own, other] = [await ours, await theirs];
      const what = `ours: ${told(own)}; rtc-node: ${told(other)}`;
      expect(own.missing <= other.missing, what);
      return what;
    });
  });
}

function told({ sent, missing, missingOutside }: Outcome): string {
  return `${missing} of ${sent} never came, ${missingOutside} of them sent before or 2 s after the outage`;
}

async function outcomeOf(client: Client, outageMs: number, server: LiveKitServer): Promise<Outcome> {
  const room = `outage-${client}-${outageMs}`;
  const way = await openWay(server.url, { through: liveKitThrough, udpPort: server.udpPort });
  const sender = await TroupeParty.join({ url: server.url, token: await token("sender", room) });
  const receiver = await receiverOf(client, way.url, room);
  try {
    const sent: { number: number; isOutside: boolean }[] = [];
    const send = async (forMs: number, settledMs: number) => {
      for (let atMs = 0; atMs < forMs; atMs += MESSAGE_EVERY_MS) {
        const number = sent.length;
        sent.push({ number, isOutside: atMs >= settledMs });
        await sender.room.data.publishData(String(number), { topic: TOPIC });
        await pause(MESSAGE_EVERY_MS);
      }
    };
    await send(PEACE_MS, 0);
    await way.network.setOutage?.(true);
    await send(outageMs, outageMs);
    await way.network.setOutage?.(false);
    // The server's retransmissions may be as far apart as the outage was long.
    await send(outageMs, SETTLE_MS);
    await pause(SETTLE_MS);
    const got = receiver.received();
    const missing = sent.filter(({ number }) => !got.has(number));
    return {
      sent: sent.length,
      missing: missing.length,
      missingOutside: missing.filter(({ isOutside }) => isOutside).length,
    };
  } finally {
    await Promise.all([sender.close(), receiver.close()]);
    await way.close();
  }
}

async function receiverOf(client: Client, url: string, room: string) {
  const given = { url, token: await token("receiver", room) };
  if (client === "ours") {
    const party = await TroupeParty.join(given);
    const numbers = new Set<number>();
    party.room.on("dataReceived", ({ data }) => numbers.add(Number(Buffer.from(data).toString())));
    return { received: () => numbers, close: () => party.close() };
  }
  const counterpart = ProcessCounterpart.node("receiver");
  await counterpart.ask("join", given);
  return {
    received: () =>
      new Set(counterpart.events.filter(({ event }) => event === "data").map(({ text }) => Number(text))),
    close: () => counterpart.close(),
  };
}
