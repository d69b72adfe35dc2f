import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionProxy, NetworkLink } from "troupe/testing";
import type { ConnectionForm } from "../../../src/transports/livekit/AttemptContext.ts";
import { LiveKitConnection } from "../../../src/transports/livekit/LiveKitConnection.ts";
import { parseLiveKitOptions } from "../../../src/transports/livekit/options.ts";
import { setOutage } from "../../chaos/way.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { hears } from "./counterpartChecks.ts";
import { sessionsThrough } from "./ProxiedTransport.ts";
import { type LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

/** The longest pause between two frames that a resume may cause, in ms. */
const MAXIMUM_RESUME_GAP_MS = 200;

/** What becomes of our connection when the network interferes, with one peer connection or two. */
export async function networkChecks(
  checks: Checks,
  server: LiveKitServer,
  form: ConnectionForm,
): Promise<void> {
  await checks.group(`${form}: the signalling is cut`, () => signalChecks(checks, server, form));
  await checks.group(`${form}: the media path is cut`, () => mediaChecks(checks, server, form));
}

async function signalChecks(checks: Checks, server: LiveKitServer, form: ConnectionForm): Promise<void> {
  const proxy = await ConnectionProxy.before(server.url);
  const room = `signal-${form}`;
  const options = { url: proxy.through(server.url), singlePeerConnection: form === "single" };
  const ours = await TroupeParty.join({ ...options, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  const track = ours.room.localTracks[0]!;
  const messages: string[] = [];
  ours.room.on("dataReceived", ({ data }) => messages.push(Buffer.from(data).toString()));
  try {
    await hears(other, "ours", 880);
    await hears(ours, "other", 440);
    // From here on: the server's word that it is published may come before the answer that makes the track live.
    const seen: string[] = [];
    track.on("state", (state) => seen.push(`local ${state}`));
    other.room.on("trackUnsubscribed", () => seen.push("unsubscribed"));
    other.room.on("participantDisconnected", () => seen.push("participantDisconnected"));
    for (const ms of [0, 1500]) {
      await checks.check(
        `${form}: resume after a signalling outage of ${ms} ms: no gap, no event`,
        async () => {
          other.gaps.clear();
          ours.gaps.clear();
          const machine = monitorEventLoopDelay({ resolution: 10 });
          machine.enable();
          const back = ours.next("reconnected");
          proxy.refuse(ms > 0);
          proxy.cut();
          await other.room.data.publishData(`during ${ms}`);
          await pause(ms);
          proxy.refuse(false);
          await back;
          await pause(500);
          const gap = Math.max(
            other.gaps.get("ours")?.longest ?? 1e9,
            ours.gaps.get("other")?.longest ?? 1e9,
          );
          machine.disable();
          // A machine that stood still meanwhile made a gap of its own.
          const stallMs = machine.max / 1e6;
          expect(
            gap <= MAXIMUM_RESUME_GAP_MS + stallMs,
            `a gap of ${gap.toFixed(0)} ms, the machine stood still for ${stallMs.toFixed(0)} ms`,
          );
          expect(seen.length === 0, seen.join(", "));
          expect(messages.filter((text) => text === `during ${ms}`).length === 1, `messages: ${messages}`);
          return `longest gap ${gap.toFixed(0)} ms`;
        },
      );
    }
    await checks.check(
      `${form}: what is asked while the signalling is away is done after the resume`,
      async () => {
        const back = ours.next("reconnected");
        const changed = other.next("trackMuted");
        proxy.refuse(true);
        proxy.cut();
        await ours.next("reconnecting");
        track.setMuted(true);
        proxy.refuse(false);
        await Promise.all([back, changed]);
        track.setMuted(false);
        return undefined;
      },
    );
    await checks.check(`${form}: a half-open socket is found and resumed`, async () => {
      const back = ours.next("reconnected");
      proxy.stall();
      await ours.next("reconnecting");
      proxy.resume();
      await back;
      return undefined;
    });
  } finally {
    await Promise.all([ours.close(), other.close()]);
    await proxy.close();
  }
}

async function mediaChecks(checks: Checks, server: LiveKitServer, form: ConnectionForm): Promise<void> {
  const link = await NetworkLink.open({ target: { address: "127.0.0.1", port: server.udpPort } });
  const room = `media-${form}`;
  const settings = parseLiveKitOptions({
    url: server.url,
    token: await token("ours", room),
    singlePeerConnection: form === "single",
  });
  const createSession = sessionsThrough(link, server.udpPort);
  const connection = new LiveKitConnection(settings, { createSession });
  const ours = TroupeParty.of(connection);
  connection.start();
  await connection.connected();
  await ours.publish(880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  const rejoins: string[] = [];
  other.room.on("participantDisconnected", () => rejoins.push("gone"));
  try {
    await hears(other, "ours", 880);
    await hears(ours, "other", 440);
    for (const ms of [1_000, 5_000, 12_000]) {
      await checks.check(`${form}: audio both ways after ${ms} ms without a packet`, async () => {
        await setOutage(link, true);
        await pause(ms);
        other.forget();
        ours.forget();
        await setOutage(link, false);
        const opened = performance.now();
        await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
        expect(rejoins.length === 0, "it joined anew");
        return `within ${(performance.now() - opened).toFixed(0)} ms`;
      });
    }
  } finally {
    await Promise.all([ours.close(), other.close()]);
    await link.close();
  }
}
