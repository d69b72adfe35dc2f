import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { RoomServiceClient } from "livekit-server-sdk";
import { LiveKitConnection } from "../../../src/transports/livekit/LiveKitConnection.ts";
import { parseLiveKitOptions } from "../../../src/transports/livekit/options.ts";
import { Session } from "../../../src/webrtc/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { hears } from "./counterpartChecks.ts";
import { ProxiedTransport } from "./ProxiedTransport.ts";
import { SignalProxy } from "./SignalProxy.ts";
import { LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";
import { UdpProxy } from "./UdpProxy.ts";

/** The longest pause between two frames that a resume may cause, in ms. */
const MAXIMUM_RESUME_GAP_MS = 200;

/** What becomes of our connection when the network, the server or somebody else interferes. */
export async function networkChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  await checks.group("refusals", () => refusalChecks(checks, server));
  await checks.group("the signalling is cut", () => signalChecks(checks, server));
  await checks.group("the media path is cut", () => mediaChecks(checks, server));
  await checks.group("scenarios of the server", () => scenarioChecks(checks, server));
  await checks.group("endings", () => endingChecks(checks, server));
  await checks.group("the server is killed", () => killChecks(checks));
}

async function refusalChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const rows: [what: string, token: string, reason: string][] = [
    ["a token that is none", "x.y.z", "unauthorized"],
    ["an expired token", await token("late", "refusals", {}, -3600), "unauthorized"],
    ["a token without a grant", await token("idle", "refusals", { roomJoin: false }), "unauthorized"],
  ];
  for (const [what, text, reason] of rows) {
    await checks.check(`join with ${what}`, async () => {
      const error = await TroupeParty.join({ url, token: text }).then(
        () => undefined,
        (thrown: { reason?: string; message: string }) => thrown,
      );
      expect(error?.reason === reason, `gave ${error?.reason}`);
      return error?.message;
    });
  }
  await checks.check("join a full room", async () => {
    const service = new RoomServiceClient(url.replace("ws", "http"), "devkey", "secret");
    await service.createRoom({ name: "full", maxParticipants: 1 });
    const first = await TroupeParty.join({ url, token: await token("first", "full") });
    const error = await TroupeParty.join({ url, token: await token("second", "full"), joinRetries: 0 }).then(
      () => undefined,
      (thrown: { reason?: string; message: string }) => thrown,
    );
    await first.close();
    expect(error?.reason === "roomFull", `gave ${error?.reason}: ${error?.message}`);
    return error?.message;
  });
}

async function signalChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  const proxy = await SignalProxy.start(server.port);
  const room = "signal";
  const ours = await TroupeParty.join({ url: proxy.url, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  const seen: string[] = [];
  const track = ours.room.localTracks[0]!;
  track.on("state", (state) => seen.push(`local ${state}`));
  other.room.on("trackUnsubscribed", () => seen.push("unsubscribed"));
  other.room.on("participantDisconnected", () => seen.push("participantDisconnected"));
  const messages: string[] = [];
  ours.room.on("dataReceived", ({ data }) => messages.push(Buffer.from(data).toString()));
  try {
    await hears(other, "ours", 880);
    await hears(ours, "other", 440);
    for (const ms of [0, 1500]) {
      await checks.check(`resume after a signalling outage of ${ms} ms: no gap, no event`, async () => {
        other.gaps.clear();
        ours.gaps.clear();
        const machine = monitorEventLoopDelay({ resolution: 10 });
        machine.enable();
        const back = nextOf(ours, "reconnected");
        proxy.refuse(ms > 0);
        proxy.cut();
        await other.room.data.publishData(`during ${ms}`);
        await pause(ms);
        proxy.refuse(false);
        await back;
        await pause(500);
        const gap = Math.max(other.gaps.get("ours")?.longest ?? 1e9, ours.gaps.get("other")?.longest ?? 1e9);
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
      });
    }
    await checks.check("what is asked while the signalling is away is done after the resume", async () => {
      const back = nextOf(ours, "reconnected");
      const changed = nextOf(other, "trackMuted");
      proxy.refuse(true);
      proxy.cut();
      await nextOf(ours, "reconnecting");
      track.setMuted(true);
      proxy.refuse(false);
      await Promise.all([back, changed]);
      track.setMuted(false);
      return undefined;
    });
    await checks.check("a half-open socket is found and resumed", async () => {
      const back = nextOf(ours, "reconnected");
      proxy.freeze(true);
      // The frozen connection is never thawed: a new one has to be made.
      await nextOf(ours, "reconnecting");
      proxy.freeze(false);
      await back;
      return undefined;
    });
  } finally {
    await Promise.all([ours.close(), other.close()]);
    proxy.close();
  }
}

async function mediaChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  const proxy = await UdpProxy.start(server.udpPort);
  const room = "media";
  const settings = parseLiveKitOptions({ url: server.url, token: await token("ours", room) });
  const createSession = () => new Session({ transport: new ProxiedTransport(proxy), role: "offerer" });
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
      await checks.check(`audio both ways after ${ms} ms without a packet`, async () => {
        proxy.blocked = true;
        await pause(ms);
        other.forget();
        ours.forget();
        proxy.blocked = false;
        const opened = performance.now();
        await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
        expect(rejoins.length === 0, "it joined anew");
        return `within ${(performance.now() - opened).toFixed(0)} ms`;
      });
    }
  } finally {
    await Promise.all([ours.close(), other.close()]);
    proxy.close();
  }
}

async function scenarioChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  const room = "scenarios";
  const ours = await TroupeParty.join({ url: server.url, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  const messages: string[] = [];
  other.room.on("dataReceived", ({ data }) => messages.push(Buffer.from(data).toString()));
  ours.room.data.registerRpcMethod("echo", ({ payload }) => payload);
  try {
    await hears(other, "ours", 880);
    const heardTrack = ours.room.tracks[0];
    for (const scenario of ["migration", "nodeFailure"] as const) {
      await checks.check(`${scenario}: joins anew with everything`, async () => {
        const back = nextOf(ours, "reconnected");
        const gone = nextOf(ours, "reconnecting");
        const started = performance.now();
        ours.room.simulateScenario(scenario);
        await gone;
        const sent = ours.room.data.publishData(`during ${scenario}`);
        await Promise.all([back, sent]);
        const took = performance.now() - started;
        other.forget();
        ours.forget();
        await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
        expect(ours.room.tracks[0] === heardTrack, "the remote track is another object");
        const call = { destinationIdentity: "ours", method: "echo", payload: "still here" };
        expect((await other.room.data.performRpc(call)) === "still here", "no answer to a call");
        expect(
          messages.filter((text) => text === `during ${scenario}`).length === 1,
          `messages: ${messages}`,
        );
        return `back after ${took.toFixed(0)} ms`;
      });
    }
    await checks.check("a resume that is cut is tried again", async () => {
      const back = nextOf(ours, "reconnected");
      ours.room.simulateScenario("disconnectSignalOnResume");
      await pause(200);
      ours.room.simulateScenario("migration");
      await back;
      other.forget();
      return hears(other, "ours", 880);
    });
    await checks.check("serverLeave: over, with its reason", async () => {
      const over = ours.room.disconnected();
      ours.room.simulateScenario("serverLeave");
      await over;
      expect(ours.room.disconnectReason === "serverShutdown", `${ours.room.disconnectReason}`);
      return ours.room.disconnectReason;
    });
  } finally {
    await Promise.all([ours.close(), other.close()]);
  }
}

async function endingChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const service = new RoomServiceClient(url.replace("ws", "http"), "devkey", "secret");
  const rows: [what: string, end: (room: string) => Promise<unknown>, reason: string][] = [
    [
      "the same identity joins",
      async (room) => {
        const twin = await TroupeParty.join({ url, token: await token("ours", room) });
        return twin.close();
      },
      "duplicateIdentity",
    ],
    ["the room is deleted", (room) => service.deleteRoom(room), "roomDeleted"],
    ["it is removed", (room) => service.removeParticipant(room, "ours"), "participantRemoved"],
  ];
  for (const [what, end, reason] of rows) {
    await checks.check(`${what}: ${reason}`, async () => {
      const room = `ending-${reason}`;
      const ours = await TroupeParty.join({ url, token: await token("ours", room) });
      await end(room);
      await ours.room.disconnected();
      expect(ours.room.disconnectReason === reason, `${ours.room.disconnectReason}`);
      await ours.close();
      return undefined;
    });
  }
}

async function killChecks(checks: Checks): Promise<void> {
  const server = await LiveKitServer.start();
  const room = "kill";
  const ours = await TroupeParty.join({ url: server.url, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  try {
    await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
    await checks.check("the server is killed and started again: audio both ways", async () => {
      const back = Promise.all([nextOf(ours, "reconnected"), nextOf(other, "reconnected")]);
      await server.kill();
      await pause(2_000);
      await server.start();
      const started = performance.now();
      await back;
      ours.forget();
      other.forget();
      await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
      return `heard ${(performance.now() - started).toFixed(0)} ms after the restart`;
    });
  } finally {
    await Promise.all([ours.close(), other.close()]);
    await server.kill();
  }
}

function nextOf(party: TroupeParty, name: "reconnected" | "reconnecting" | "trackMuted"): Promise<void> {
  return new Promise((resolve) => party.room.once(name as "reconnected", () => resolve()));
}
