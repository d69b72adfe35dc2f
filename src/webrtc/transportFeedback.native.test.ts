import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Engine } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import { Session } from "./Session.ts";
import { OPUS } from "./sdp/codecs.ts";
import type { Transceiver } from "./types.ts";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

afterAll(() => Engine.stop());

function create(role: "offerer" | "answerer"): Session {
  const transport = new NativePeerTransport({ controlling: role === "offerer" });
  const session = new Session({ transport, role });
  closers.push(() => session.close());
  return session;
}

/** Silence is audio enough: it goes out as packets all the same. */
function play(transceiver: Transceiver): void {
  const source = Engine.shared().createSource({ sampleRate: 48_000, channels: 1, capacityMs: 10_000 });
  closers.push(() => source.close());
  transceiver.setProducer(source);
  source.write(Int16Array.from({ length: 480_000 }, (_, index) => 8000 * Math.sin(index / 20)));
}

function feedbackOf(session: Session) {
  const transport = session.getStats().find(({ type }) => type === "transport");
  if (transport?.type !== "transport") throw new Error("a report has a transport");
  return transport.transportFeedback;
}

async function connect(codec: typeof OPUS): Promise<[near: Session, far: Session]> {
  const [near, far] = [create("offerer"), create("answerer")];
  const line = near.addTransceiver({ kind: "audio", direction: "sendrecv", codecs: [codec] });
  near.acceptAnswer(far.acceptOffer(near.createOffer(), () => ({ send: {} })));
  await expect
    .poll(() => [near.transport.state, far.transport.state], { timeout: 30_000 })
    .toEqual(["connected", "connected"]);
  for (const one of [line, far.transceivers[0]!]) play(one);
  return [near, far];
}

describe("transport-wide feedback", () => {
  it("is given by each side on what the other sent, where it was offered", { timeout: 90_000 }, async () => {
    const [near, far] = await connect({ ...OPUS, feedback: ["nack", "transport-cc"] });
    for (const session of [near, far]) {
      await expect.poll(() => feedbackOf(session).packetsReported, { timeout: 60_000 }).toBeGreaterThan(50);
      const { messagesSent, messagesReceived, packetsReported, packetsReportedLost } = feedbackOf(session);
      expect(messagesSent).toBeGreaterThan(0);
      expect(packetsReportedLost).toBe(0);
      // Several packets a message, since a packet comes every 20 ms.
      expect(messagesReceived).toBeLessThan(packetsReported);
      const sent = session.getStats().find(({ type }) => type === "outbound-rtp");
      expect(sent?.type === "outbound-rtp" && sent.packetsSent).toBeGreaterThanOrEqual(packetsReported);
      expect(session.getStats().find(({ type }) => type === "transport")).not.toHaveProperty("drops.badRtcp");
    }
  });

  it("is given by nobody where it was not", { timeout: 60_000 }, async () => {
    const [near, far] = await connect(OPUS);
    const received = (session: Session) => {
      const stream = session.getStats().find(({ type }) => type === "inbound-rtp");
      return stream?.type === "inbound-rtp" ? stream.packetsReceived : 0;
    };
    for (const session of [near, far]) {
      await expect.poll(() => received(session), { timeout: 30_000 }).toBeGreaterThan(25);
      expect(feedbackOf(session)).toMatchObject({ messagesSent: 0, messagesReceived: 0, packetsReported: 0 });
    }
  });
});
