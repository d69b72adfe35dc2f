import { afterEach, expect, it } from "vitest";
import { NativePeerTransport } from "../webrtc/index.ts";
import { Stage } from "./Stage.ts";
import { ScriptedMember, toneShare } from "./testing/ScriptedMember.ts";

const members: ScriptedMember[] = [];

afterEach(() => {
  for (const member of members.splice(0)) member.close();
});

/** Where a member sends to. */
function remotePort({ session }: ScriptedMember): string | undefined {
  return session.transport.stats().remoteCandidate.split(" ")[5];
}

it("moves a member to new sockets by a re-offer when its own network changes; who is in stays in", async () => {
  const transports: NativePeerTransport[] = [];
  const createTransport = () => {
    const transport = new NativePeerTransport({ controlling: true });
    transports.push(transport);
    return transport;
  };
  await using stage = await Stage.start({ createTransport });
  const ann = await ScriptedMember.join(stage.signalingUrl);
  const ben = await ScriptedMember.join(stage.signalingUrl);
  members.push(ann, ben);
  ann.sound(440, 20);
  await ben.listen(ann.connectionId, 0.2);
  const before = remotePort(ben);

  for (let change = 0; change < 3; change++) transports[1]!.events.emit("network", true);

  const heard = await ben.listen(ann.connectionId, 1);
  expect(toneShare(heard, 440, 16_000)).toBeGreaterThan(0.9);
  await expect.poll(() => remotePort(ben), { timeout: 15_000 }).not.toBe(before);
  expect(toneShare(await ben.listen(ann.connectionId, 0.5), 440, 16_000)).toBeGreaterThan(0.9);
  expect(stage.connections().map(({ connectionId }) => connectionId)).toEqual([
    ann.connectionId,
    ben.connectionId,
  ]);
});
