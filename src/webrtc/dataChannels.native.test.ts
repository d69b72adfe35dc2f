import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type DataChannelOptions, Engine, loadBinding } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import type { TransportChannel } from "./PeerTransport.ts";
import { Session } from "./Session.ts";

const MAXIMUM_BYTES = 262_144;
const KINDS: readonly Partial<DataChannelOptions>[] = [
  {},
  { ordered: false },
  { ordered: false, maxRetransmits: 0 },
  { maxRetransmits: 3 },
  { ordered: false, maxPacketLifeTime: 5000 },
  { protocol: "chat" },
];
const sessions: Session[] = [];

afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
  expect(loadBinding().transportHandles()).toEqual({ transports: 0, threads: 0 });
});

afterAll(() => Engine.stop());

function create(role: "offerer" | "answerer"): Session {
  const session = new Session({
    role,
    transport: new NativePeerTransport({ controlling: role === "offerer" }),
  });
  sessions.push(session);
  return session;
}

/** Two sessions with a line for data channels; `change` may rewrite the answer. */
async function connect(change = (answer: string) => answer): Promise<[near: Session, far: Session]> {
  const [near, far] = [create("offerer"), create("answerer")];
  near.addApplication();
  near.acceptAnswer(change(far.acceptOffer(near.createOffer())));
  await expect
    .poll(() => [near.transport.state, far.transport.state], { timeout: 30_000 })
    .toEqual(["connected", "connected"]);
  return [near, far];
}

/** The channels that the other side opens, by their labels. */
function arrivals(session: Session): Map<string, TransportChannel> {
  const channels = new Map<string, TransportChannel>();
  session.events.on("channel", (channel) => channels.set(channel.label, channel));
  return channels;
}

/** Resolves with the messages once there are `count` of them. */
function messages(channel: TransportChannel, count: number): Promise<string[]> {
  const received: string[] = [];
  return new Promise((resolve) => {
    channel.events.on("message", (data) => received.push(data.toString()) === count && resolve(received));
  });
}

async function allReach(
  channels: Iterable<TransportChannel>,
  state: TransportChannel["state"],
): Promise<void> {
  const all = [...channels];
  await expect
    .poll(() => all.filter((channel) => channel.state !== state).length, { timeout: 30_000 })
    .toBe(0);
}

function idsOf(session: Session): Map<string, number> {
  return new Map(session.transport.stats().channels.map(({ label, id }) => [label, id]));
}

function countsOf(session: Session): { opened: number; closed: number; now: number } {
  const { dataChannelsOpened, dataChannelsClosed, channels } = session.transport.stats();
  return { opened: dataChannelsOpened, closed: dataChannelsClosed, now: channels.length };
}

describe("the data channels of a session", () => {
  it("are 200 of every kind at once; half are closed by each side, and their streams used again", {
    timeout: 90_000,
  }, async () => {
    const [near, far] = await connect();
    const [atNear, atFar] = [arrivals(near), arrivals(far)];
    const opened = new Map<string, TransportChannel>();
    // 60 that both sides agreed on, 70 that each side opens.
    const agreed = [near, far].map((session) =>
      Array.from({ length: 60 }, (_, index) =>
        session.openChannel(`agreed ${index}`, { ...KINDS[index % KINDS.length], id: 400 + index }),
      ),
    );
    for (let index = 0; index < 70; index += 1) {
      const kind = KINDS[index % KINDS.length];
      for (const [name, session] of Object.entries({ near, far }))
        opened.set(`${name} ${index}`, session.openChannel(`${name} ${index}`, kind));
    }
    await allReach([...opened.values(), ...agreed.flat()], "open");
    await expect.poll(() => [atNear.size, atFar.size], { timeout: 30_000 }).toEqual([70, 70]);
    for (const channel of [...atNear.values(), ...atFar.values()]) {
      const { ordered = true, protocol = "" } = KINDS[Number(channel.label.split(" ")[1]) % KINDS.length]!;
      expect([channel.ordered, channel.protocol]).toEqual([ordered, protocol]);
    }
    const ids = idsOf(near);
    expect(ids.size).toBe(200);
    expect(new Set(ids.values()).size).toBe(200);
    expect(idsOf(far)).toEqual(ids);

    const pairs = [
      ...[...opened].map(([label, channel]) => [channel, (atFar.get(label) ?? atNear.get(label))!] as const),
      ...agreed[0]!.map((channel, index) => [channel, agreed[1]![index]!] as const),
    ];
    // What the lossy kinds lose is said again.
    const [heard, said] = [new Map<TransportChannel, string>(), new Set<TransportChannel>()];
    for (const end of pairs.flat()) end.events.on("message", (data) => heard.set(end, data.toString()));
    const say = (from: TransportChannel, to: TransportChannel) => {
      const { maxRetransmits, maxPacketLifeTime } = KINDS[Number(from.label.split(" ")[1]) % KINDS.length]!;
      const isLossy = maxRetransmits !== undefined || maxPacketLifeTime !== undefined;
      if (!heard.has(to) && (isLossy || !said.has(from)) && from.send(`of ${from.label}`)) said.add(from);
    };
    const sayTo = (listening: readonly (readonly [TransportChannel, TransportChannel])[]) => {
      for (const [one, other] of listening) {
        say(one, other);
        say(other, one);
      }
      return heard.size;
    };
    await expect.poll(() => sayTo(pairs), { interval: 250, timeout: 30_000 }).toBe(400);
    for (const [one, other] of pairs)
      expect([heard.get(one), heard.get(other)]).toEqual([`of ${other.label}`, `of ${one.label}`]);

    // Every other pair closes: one by who opened it, the next by who accepted it, so that each side closes half of them.
    const [gone, kept] = [0, 1].map((rest) => pairs.filter((_, index) => index % 2 === rest));
    for (const [index, [opener, accepter]] of gone!.entries()) (index % 2 === 0 ? opener : accepter).close();
    await allReach(gone!.flat(), "closed");
    await expect
      .poll(() => [near, far].map(countsOf), { timeout: 30_000 })
      .toEqual([
        { opened: 200, closed: 100, now: 100 },
        { opened: 200, closed: 100, now: 100 },
      ]);
    heard.clear();
    said.clear();
    await expect.poll(() => sayTo(kept!), { interval: 250, timeout: 30_000 }).toBe(200);

    const free = new Set(gone!.map(([{ label }]) => ids.get(label)!));
    const again = Array.from({ length: 30 }, (_, index) => near.openChannel(`again ${index}`));
    await allReach(again, "open");
    for (const { label } of again) expect(free).toContain(idsOf(near).get(label));
    const back = messages(again[29]!, 1);
    await expect.poll(() => atFar.has("again 29"), { timeout: 30_000 }).toBe(true);
    atFar.get("again 29")!.send("anew");
    expect(await back).toEqual(["anew"]);
  });

  it("close by the side that accepted them, one among many", { timeout: 60_000 }, async () => {
    const [near, far] = await connect();
    const atFar = arrivals(far);
    const channels = ["a", "b", "c"].map((label) => near.openChannel(label));
    await allReach(channels, "open");
    await expect.poll(() => atFar.size, { timeout: 30_000 }).toBe(3);
    const reasons: string[] = [];
    channels[1]!.events.on("closed", (reason) => reasons.push(reason));
    // What is on its way when it closes still arrives.
    const last = messages(channels[1]!, 1);
    atFar.get("b")!.send("last words");
    atFar.get("b")!.close();
    expect(await last).toEqual(["last words"]);
    await allReach([channels[1]!, atFar.get("b")!], "closed");
    expect(reasons).toEqual([""]);
    expect(() => channels[1]!.send("x")).toThrow(expect.objectContaining({ code: "CLOSED" }));
    for (const label of ["a", "c"]) {
      const answer = messages(channels.find((channel) => channel.label === label)!, 1);
      atFar.get(label)!.send(label);
      expect(await answer).toEqual([label]);
    }
    await expect.poll(() => countsOf(near), { timeout: 30_000 }).toEqual({ opened: 3, closed: 1, now: 2 });
  });

  it("are refused with the reason beyond the bounds, and those that there are go on", {
    timeout: 60_000,
  }, async () => {
    const [near, far] = await connect();
    const atFar = arrivals(far);
    const channels = Array.from({ length: 256 }, (_, index) => near.openChannel(`c${index}`));
    await allReach(channels, "open");
    for (const [options, message] of [
      [{}, "at most 256 data channels"],
      [{ id: 1 }, "an id that no other channel has"],
      [{ id: 512 }, "an id below 512 for a channel but received 512"],
      [{ maxRetransmits: 1, maxPacketLifeTime: 1 }, "maxRetransmits or maxPacketLifeTime, not both"],
    ] as const) {
      expect(() => near.openChannel("more", options)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(message) }),
      );
    }
    await expect.poll(() => atFar.size, { timeout: 30_000 }).toBe(256);
    const heard = messages(atFar.get("c255")!, 1);
    channels[255]!.send("here");
    expect(await heard).toEqual(["here"]);
    channels[0]!.close();
    await allReach([channels[0]!], "closed");
    await allReach([near.openChannel("more")], "open");
  });

  it.each([
    ["says 1000 bytes", "a=max-message-size:1000\r\n", 1000],
    ["says nothing", "", 65_536],
    ["says that any size will do", "a=max-message-size:0\r\n", MAXIMUM_BYTES],
    ["takes more than we send", "a=max-message-size:1073741823\r\n", MAXIMUM_BYTES],
  ])(
    "take messages as long as the far side does, which %s, and refuse longer ones alone",
    {
      timeout: 60_000,
    },
    async (_, line, most) => {
      const [near, far] = await connect((answer) => answer.replace(/a=max-message-size:\d+\r\n/, line));
      const atFar = arrivals(far);
      const channel = near.openChannel("sizes");
      await allReach([channel], "open");
      await expect.poll(() => atFar.has("sizes"), { timeout: 30_000 }).toBe(true);
      const sizes: number[] = [];
      atFar.get("sizes")!.events.on("message", (data) => sizes.push(data.length));
      for (const tooLong of [new Uint8Array(most + 1), "ä".repeat(most / 2 + 1)]) {
        expect(() => channel.send(tooLong)).toThrow(
          expect.objectContaining({
            code: "INVALID_MESSAGE",
            message: expect.stringMatching(
              new RegExp(`at most ${most} bytes .* received ${Buffer.byteLength(tooLong)}`),
            ),
          }),
        );
      }
      expect(channel.bufferedAmount).toBe(0);
      expect(channel.send(new Uint8Array(most))).toBe(true);
      await expect.poll(() => sizes, { timeout: 20_000 }).toEqual([most]);
    },
  );
});

describe("a close of the transport", () => {
  it.each(["offerer", "answerer"] as const)(
    "by the %s closes the channels of both sides and both transports",
    {
      timeout: 60_000,
    },
    async (who) => {
      const [near, far] = await connect();
      const atFar = arrivals(far);
      const channel = near.openChannel("test");
      await allReach([channel], "open");
      await expect.poll(() => atFar.has("test"), { timeout: 30_000 }).toBe(true);
      const [closing, other] = who === "offerer" ? [near, far] : [far, near];
      const told = new Promise<string>((resolve) => {
        other.events.on("state", (state, reason) => state === "closed" && resolve(reason));
      });
      closing.close();
      // By DTLS' close_notify: without it, consent checks would take seconds and end in `disconnected`.
      expect(await told).toBe("the far side closed the connection");
      expect([channel.state, atFar.get("test")!.state]).toEqual(["closed", "closed"]);
    },
  );
});
