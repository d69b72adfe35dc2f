import { afterEach, expect, it } from "vitest";
import { NativePeerTransport } from "../webrtc/index.ts";
import { Stage } from "./Stage.ts";
import { ScriptedMember, toneShare } from "./testing/ScriptedMember.ts";

const members: ScriptedMember[] = [];
const broken: NativePeerTransport[] = [];
let breakNext: string | undefined;

function fail(): never {
  throw new Error("the transport broke");
}

/** A native transport, one of whose methods throws when `breakNext` names it. */
function createTransport(): NativePeerTransport {
  if (breakNext === "constructor") fail();
  const transport = new NativePeerTransport({ controlling: true });
  if (breakNext === undefined) return transport;
  broken.push(transport);
  return Object.assign(transport, { [breakNext]: fail });
}

afterEach(() => {
  for (const member of members.splice(0)) member.close();
});

it("refuses the member whose transport throws; those beside it go on hearing each other", async () => {
  await using stage = await Stage.start({ createTransport });
  const [ann, ben] = [
    await ScriptedMember.join(stage.signalingUrl),
    await ScriptedMember.join(stage.signalingUrl),
  ];
  members.push(ann, ben);
  ann.sound(440, 5);
  expect(toneShare(await ben.listen(ann.connectionId, 0.5), 440, 16_000)).toBeGreaterThan(0.9);

  for (const method of ["constructor", "attach", "localParameters", "setRemoteParameters"]) {
    breakNext = method;
    const member = new ScriptedMember(stage.signalingUrl);
    members.push(member);
    await member.socket.opened();
    member.socket.send({ type: "connect", role: "sendrecv", channel_id: "lobby" });
    if (method === "setRemoteParameters") {
      const { sdp } = await member.socket.next({ type: "offer" });
      member.socket.send({ type: "answer", sdp: member.session.acceptOffer(sdp as string) });
    }
    const { code } = await member.socket.closed;
    expect([1011, 4490]).toContain(code);
  }
  breakNext = undefined;

  expect(broken.map((transport) => transport.closed)).toEqual([true, true, true]);
  expect(stage.connections().map(({ connectionId }) => connectionId)).toEqual([
    ann.connectionId,
    ben.connectionId,
  ]);
  expect(toneShare(await ben.listen(ann.connectionId, 0.5), 440, 16_000)).toBeGreaterThan(0.9);
});
