// Each way to end or to lose a connection, in each mode of signalling, with what Sora's own SDKs say of it.
import { describe, expect, it } from "vitest";
import type { FakeChannel } from "../../../test/fixtures/FakeChannel.ts";
import type { FakeSoraPeer } from "../../../test/fixtures/FakeSora.ts";
import {
  FakeSource,
  join,
  joinSwitched,
  OFFER,
  type Started,
  start,
  untilState,
} from "../../../test/fixtures/soraConnection.ts";

/** A connection that has joined, and the server's side of it. */
interface Seat {
  started: Started;
  peer: FakeSoraPeer;
  /** Those that are open. */
  channels: Record<string, FakeChannel>;
}

type Mode = "WebSocket only" | "both paths" | "data channels only";

const MODES: Record<Mode, (started: Started) => Promise<Omit<Seat, "started">>> = {
  "WebSocket only": async (started) => {
    const peer = await join(started);
    await started.connection.connected();
    return { peer, channels: {} };
  },
  "both paths": (started) => joinSwitched(started, false),
  "data channels only": (started) => joinSwitched(started, true),
};

async function seat(mode: Mode, options: object = {}): Promise<Seat> {
  const started = await start({ reconnect: false, ...options });
  return { started, ...(await MODES[mode](started)) };
}

/** Asks to leave, and waits until the server has been told. */
async function leave({ started, peer, channels }: Seat): Promise<void> {
  const told = channels.signaling
    ? new Promise((resolve) => (channels.signaling!.onSent = resolve))
    : peer.next("disconnect");
  void started.connection.disconnect();
  const message = await told;
  expect(typeof message === "string" ? JSON.parse(message) : message).toEqual({
    type: "disconnect",
    reason: "NO-ERROR",
  });
}

const closeChannels = ({ channels }: Seat) => {
  for (const channel of Object.values(channels)) channel.end();
};
const closeByMessage = (reason: string, code: number) => (it: Seat) =>
  it.channels.signaling!.receive(JSON.stringify({ type: "close", code, reason }));
const closeSocket = (code: number, reason: string) => (it: Seat) => it.peer.close(code, reason);
const losePeerConnection = ({ started }: Seat) =>
  started.transports.at(-1)!.events.emit("state", "failed", "no consent");

type Row = [what: string, mode: Mode, end: (seat: Seat) => unknown, outcome: string];

const leaveThen = (end: (seat: Seat) => unknown) => async (it: Seat) => {
  await leave(it);
  await end(it);
};

const ENDINGS: Row[] = [
  // By the client.
  [
    "the client leaves",
    "WebSocket only",
    leaveThen(closeSocket(1000, "TYPE-DISCONNECT")),
    "1000 TYPE-DISCONNECT CLOSE_SUCCEEDED",
  ],
  [
    "the client leaves",
    "both paths",
    leaveThen(closeSocket(1000, "TYPE-DISCONNECT")),
    "1000 TYPE-DISCONNECT CLOSE_SUCCEEDED",
  ],
  [
    "the client leaves",
    "data channels only",
    leaveThen(closeChannels),
    "1000 Succeeded to close DataChannel CLOSE_SUCCEEDED",
  ],
  ...(["WebSocket only", "both paths", "data channels only"] as const).map(
    (mode): Row => [
      "the client leaves and the server says nothing",
      mode,
      leave,
      "4999 DISCONNECT-WAIT-TIMEOUT-ERROR CLOSE_FAILED",
    ],
  ),
  // By the server.
  ...(["DISCONNECTED-API", "LIFETIME-EXPIRED"] as const).flatMap((reason): Row[] => [
    [
      `the server ends it (${reason})`,
      "WebSocket only",
      closeSocket(1000, reason),
      `1000 ${reason} CLOSE_SUCCEEDED`,
    ],
    [
      `the server ends it (${reason})`,
      "both paths",
      closeSocket(1000, reason),
      `1000 ${reason} CLOSE_SUCCEEDED`,
    ],
    [
      `the server ends it by message (${reason})`,
      "both paths",
      closeByMessage(reason, 1000),
      `1000 ${reason} CLOSE_SUCCEEDED`,
    ],
    [
      `the server ends it by message (${reason})`,
      "data channels only",
      closeByMessage(reason, 1000),
      `1000 ${reason} CLOSE_SUCCEEDED`,
    ],
    [
      `the server ends it by message with another code (${reason})`,
      "data channels only",
      closeByMessage(reason, 4000),
      `4000 ${reason} CLOSE_SUCCEEDED`,
    ],
    [
      `the server ends it, and its peer connection goes first (${reason})`,
      "WebSocket only",
      (it) => {
        it.started.transports[0]!.events.emit("state", "closed", "closed by the far side");
        it.peer.close(1000, reason);
      },
      `1000 ${reason} CLOSE_SUCCEEDED`,
    ],
  ]),
  // By the loss of a path.
  ...(["WebSocket only", "both paths"] as const).flatMap((mode): Row[] => [
    ["the WebSocket breaks", mode, (it) => it.peer.cut(), "1006 the WebSocket closed WEBSOCKET_ONERROR"],
    [
      "the WebSocket closes with another code",
      mode,
      closeSocket(4490, "INTERNAL-ERROR"),
      "4490 INTERNAL-ERROR WEBSOCKET_ONCLOSE",
    ],
  ]),
  [
    "every data channel closes",
    "data channels only",
    closeChannels,
    "0 the signaling data channel closed PEER_CONNECTION_STATE_FAILED",
  ],
  ...(["WebSocket only", "both paths", "data channels only"] as const).map(
    (mode): Row => [
      "the peer connection is lost",
      mode,
      losePeerConnection,
      "0 no consent PEER_CONNECTION_STATE_FAILED",
    ],
  ),
];

describe("a connection ends as Sora's SDKs say it", () => {
  it.each(ENDINGS)("%s: %s", async (_, mode, end, outcome) => {
    const it = await seat(mode, { timeouts: { webSocketLeaveMs: 1_000, dataChannelLeaveMs: 1_000 } });
    await end(it);
    await it.started.connection.disconnected();
    expect(it.started.events.at(-1)).toBe(`disconnected ${outcome}`);
    expect(it.started.engine.peersOpen).toBe(0);
  });

  it("leaves over the WebSocket before it has switched", async () => {
    const started = await start();
    const peer = await join(started, {
      ...OFFER,
      data_channel_signaling: true,
      data_channels: [{ label: "signaling" }],
    });
    await started.connection.connected();
    await leave({ started, peer, channels: {} });
    peer.close(1000, "TYPE-DISCONNECT");
    await started.connection.disconnected();
    expect(started.events.at(-1)).toBe("disconnected 1000 TYPE-DISCONNECT CLOSE_SUCCEEDED");
  });
});

const LOSSES: [what: string, mode: Mode, lose: (seat: Seat) => unknown][] = [
  ["the WebSocket", "WebSocket only", ({ peer }) => peer.cut()],
  ["the WebSocket", "both paths", ({ peer }) => peer.cut()],
  ["the peer connection", "WebSocket only", losePeerConnection],
  ["the peer connection", "both paths", losePeerConnection],
  ["the peer connection", "data channels only", losePeerConnection],
  ["every data channel", "data channels only", closeChannels],
];

describe("a connection that is lost comes back", () => {
  it.each(LOSSES)(
    "after the loss of %s, %s: tracks, sources and labels are attached anew",
    async (_, mode, lose) => {
      const seated = await seat(mode, { reconnect: true, audioSource: new FakeSource() });
      const { connection, engine, events, transports } = seated.started;
      const story: string[] = [];
      connection.on("reconnecting", () => story.push("reconnecting"));
      connection.on("reconnected", () => story.push("reconnected"));
      const [heard] = connection.tracks;
      const hasLabels = mode !== "WebSocket only";
      if (hasLabels) seated.channels["#chat"]!.full = true;
      const waiting = hasLabels ? ["a", "b", "c"].map((text) => connection.send("#chat", text)) : [];

      const back = new Promise((resolve) => connection.on("reconnected", () => resolve(undefined)));
      lose(seated);
      await untilState(connection, /^reconnecting/);
      expect(connection.sendDataChannel("#chat", "refused")).toBe(false);
      await expect(connection.send("#chat", "refused")).rejects.toMatchObject({ code: "INVALID_STATE" });
      const { channels } = await MODES[mode](seated.started);
      await back;
      await Promise.all(waiting);

      expect(story).toEqual(["reconnecting", "reconnected"]);
      expect(connection.tracks).toEqual([heard]);
      expect(heard?.producer).not.toBeNull();
      expect([...engine.senders.keys()].map((sender) => engine.producers.get(sender))).toEqual([77]);
      expect(connection.dataChannels.map(({ label }) => label)).toEqual(hasLabels ? ["#chat"] : []);
      if (hasLabels) expect(channels["#chat"]!.sent.map(String)).toEqual(["a", "b", "c"]);
      expect(events.filter((event) => event.startsWith("trackRemoved"))).toEqual([]);
      expect(transports).toHaveLength(2);
    },
  );
});
