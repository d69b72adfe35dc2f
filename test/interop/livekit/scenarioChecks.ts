import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionForm } from "../../../src/transports/livekit/AttemptContext.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { hears } from "./counterpartChecks.ts";
import { LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

/** What becomes of our connection when the server does to us what data centres do, with one peer connection or two. */
export async function scenarioChecks(
  checks: Checks,
  server: LiveKitServer,
  form: ConnectionForm,
): Promise<void> {
  await checks.group(`${form}: scenarios of the server`, () => simulatedChecks(checks, server, form));
  await checks.group(`${form}: the server is killed`, () => killChecks(checks, form));
}

async function simulatedChecks(checks: Checks, server: LiveKitServer, form: ConnectionForm): Promise<void> {
  const room = `scenarios-${form}`;
  const options = { url: server.url, singlePeerConnection: form === "single" };
  const ours = await TroupeParty.join({ ...options, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  const messages: string[] = [];
  other.room.on("dataReceived", ({ data }) => messages.push(Buffer.from(data).toString()));
  ours.room.data.registerRpcMethod("echo", ({ payload }) => payload);
  try {
    await hears(other, "ours", 880);
    const heardTrack = ours.room.tracks[0];
    for (const scenario of ["migration", "nodeFailure"] as const) {
      await checks.check(`${form}: ${scenario}: joins anew with everything`, async () => {
        const back = ours.next("reconnected");
        const gone = ours.next("reconnecting");
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
    for (const cut of ["disconnectSignalOnResume", "disconnectSignalOnResumeNoMessages"] as const) {
      await checks.check(`${form}: ${cut}: tried again`, async () => {
        const back = ours.next("reconnected");
        ours.room.simulateScenario(cut);
        await pause(200);
        ours.room.simulateScenario("migration");
        await back;
        other.forget();
        return hears(other, "ours", 880);
      });
    }
    await checks.check(`${form}: serverLeave: over, with its reason`, async () => {
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

async function killChecks(checks: Checks, form: ConnectionForm): Promise<void> {
  const server = await LiveKitServer.start();
  const room = "kill";
  const options = { url: server.url, singlePeerConnection: form === "single" };
  const ours = await TroupeParty.join({ ...options, token: await token("ours", room) }, 880);
  const other = await TroupeParty.join({ url: server.url, token: await token("other", room) }, 440);
  try {
    await Promise.all([hears(other, "ours", 880), hears(ours, "other", 440)]);
    await checks.check(`${form}: the server is killed and started again: audio both ways`, async () => {
      const back = Promise.all([ours.next("reconnected"), other.next("reconnected")]);
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
