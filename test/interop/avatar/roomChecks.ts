import { setTimeout as pause } from "node:timers/promises";
import { connect } from "troupe";
import { avatarTrack } from "troupe/avatar";
import { livekit } from "troupe/livekit";
import { AvatarService } from "troupe/stage";
import { ProcessCounterpart } from "../livekit/Counterpart.ts";
import { token } from "../livekit/server.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { bestPurity, purity, SAMPLE_RATE } from "../sora/sound.ts";
import { opened, type PartyKind, say } from "./protocolChecks.ts";

const WAIT_MS = 20_000;
const POLL_MS = 100;
const WINDOW_SAMPLES = 1.2 * SAMPLE_RATE;
const LEAST_PURITY = 0.9;
const HZ = 523;

/** The face in a LiveKit room, told by each SDK, heard by LiveKit's own. */
export async function roomChecks(checks: Checks, url: string, { name, make }: PartyKind): Promise<void> {
  await checks.group(`${name} in a room`, async () => {
    await using service = await AvatarService.start({ joinRoom: (target) => connect(livekit(target)) });
    const room = `face-of-${name}`;
    const listener = ProcessCounterpart.python("livekit python");
    const party = make(name);
    try {
      await listener.ask("join", { url, token: await token("listener", room) });
      const agent = connect(livekit({ url, token: await token("agent", room) }));
      await agent.connected();
      await checks.check(
        `${name}: the avatar joins the room, and the agent waits for its track`,
        async () => {
          const track = avatarTrack(agent, "face", { timeoutMs: WAIT_MS });
          await opened(party, service, {
            liveKit: {
              url,
              room_name: room,
              publisher_id: "face",
              api_key: "devkey",
              api_secret: "secret",
              extra_attributes: { mood: "calm" },
            },
          });
          await listener.until("trackSubscribed", { identity: "face" });
          const { senderId } = await track;
          const { attributes } = (
            (await listener.ask("participants")) as Record<string, { attributes: object }>
          ).face!;
          expect(JSON.stringify(attributes).includes('"mood":"calm"'), JSON.stringify(attributes));
          return `${senderId}, ${JSON.stringify(attributes)}`;
        },
      );
      await checks.check(`${name}: LiveKit's SDK hears the avatar`, async () => {
        await listener.ask("forget");
        await say(party, 3_000, true, HZ);
        return `${HZ} Hz, purity ${(await heardPurity(listener)).toFixed(3)}`;
      });
      await checks.check(`${name}: animation goes to the room, and none comes back`, async () => {
        await listener.until("data", { topic: "avatar", identity: "face" });
        expect(!party.events.some(({ event }) => event === "frame"), "frames came back");
        return undefined;
      });
      await checks.check(`${name}: an interruption silences it`, async () => {
        const id = await say(party, 30_000, true, HZ);
        await heardPurity(listener);
        expect((await party.ask("interrupt")) === id, "another id was interrupted");
        const began = performance.now();
        await silence(listener);
        return `${Math.round(performance.now() - began)} ms, as polled`;
      });
      await checks.check(`${name}: it speaks again, and leaves with its session`, async () => {
        await say(party, 2_000, true, HZ * 1.5);
        await heardPurity(listener, HZ * 1.5);
        await party.ask("close");
        await listener.until("participantDisconnected", { identity: "face" });
        return undefined;
      });
      await agent.disconnect();
    } finally {
      await party.close();
      await listener.close();
    }
  });
}

async function heardPurity(listener: ProcessCounterpart, hz = HZ): Promise<number> {
  const deadline = Date.now() + WAIT_MS;
  let best = 0;
  while (Date.now() < deadline) {
    const heard = await listener.heard("face");
    best = bestPurity(heard.subarray(Math.max(0, heard.length - WINDOW_SAMPLES)), hz);
    if (best >= LEAST_PURITY) return best;
    await pause(POLL_MS);
  }
  throw new Error(`${hz} Hz was not heard: purity ${best.toFixed(3)}`);
}

/** Waits until the last 200 ms of what is heard hold no tone. */
async function silence(listener: ProcessCounterpart): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    await listener.ask("forget");
    await pause(POLL_MS * 2);
    if (purity(await listener.heard("face"), HZ) < 0.1) return;
  }
  throw new Error("the avatar goes on");
}
