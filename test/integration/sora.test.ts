import {
  AudioEncryption,
  AudioSink,
  AudioSource,
  connect,
  EncodedAudioTransform,
  type RemoteTrack,
} from "troupe";
import { type SoraConnection, type SoraOptions, sora } from "troupe/sora";
import { Stage } from "troupe/stage";
import { ConnectionProxy } from "troupe/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Engine } from "../../src/native/index.ts";
import { NativePeerTransport } from "../../src/webrtc/index.ts";
import { shareAt } from "../fixtures/tone.ts";

const SAMPLE_RATE = 16_000;

let stage: Stage;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  stage = await Stage.start();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await stage.close();
});

function join(options: Partial<SoraOptions> = {}): SoraConnection {
  const connection = connect(
    sora({ signalingUrls: [stage.signalingUrl], channelId: "lobby", role: "sendrecv", ...options }),
  );
  cleanups.push(() => connection.disconnect());
  return connection;
}

/** A source that hums until the test is over. */
function hum(hz: number): AudioSource {
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 100 });
  let at = 0;
  const next = () =>
    Int16Array.from({ length: SAMPLE_RATE / 50 }, () =>
      Math.round(8000 * Math.sin((2 * Math.PI * hz * at++) / SAMPLE_RATE)),
    );
  const feed = async () => {
    for (;;) await source.write(next());
  };
  feed().catch(() => {});
  cleanups.push(() => source.close());
  return source;
}

/** Resolves once 200 ms of what the track plays are this tone and little else. */
async function hears(track: RemoteTrack, hz: number): Promise<void> {
  const sink = new AudioSink(track, { sampleRate: SAMPLE_RATE, frameMs: 200 });
  cleanups.push(() => sink.close());
  await hearsOn(sink, hz);
}

/** A proxy in front of the stage whose connections can be cut. */
async function cuttable(): Promise<{ proxy: ConnectionProxy; signalingUrls: string[] }> {
  const proxy = await ConnectionProxy.before(stage.signalingUrl);
  cleanups.push(() => proxy.close());
  return { proxy, signalingUrls: [proxy.through(stage.signalingUrl)] };
}

async function hearsOn(sink: AudioSink, hz: number): Promise<void> {
  for await (const { pcm } of sink) {
    if (shareAt(hz, pcm, SAMPLE_RATE) > 0.9) return;
  }
  throw new Error(`${hz} Hz was not heard`);
}

/** The arguments of the next event of this name. */
function next(events: SoraConnection | RemoteTrack, name: string): Promise<unknown[]> {
  const { promise, resolve } = Promise.withResolvers<unknown[]>();
  const once = events.once.bind(events) as (name: string, listener: (...args: unknown[]) => void) => void;
  once(name, (...args) => resolve(args));
  return promise;
}

function untilState(connection: SoraConnection, wanted: RegExp): Promise<void> {
  if (wanted.test(connection.state)) return Promise.resolve();
  return new Promise((resolve) => connection.on("state", (state) => wanted.test(state) && resolve()));
}

const MODES: [string, Partial<SoraOptions>, RegExp][] = [
  ["WebSocket only", { dataChannelSignaling: false }, /signalling\.webSocket/],
  ["both paths", { dataChannelSignaling: true }, /signalling\.dataChannel/],
  [
    "data channels only",
    { dataChannelSignaling: true, ignoreDisconnectWebsocket: true },
    /signalling\.dataChannel/,
  ],
];

describe("two bots over the stage", () => {
  it.each(MODES)("hear each other and leave in order: %s", async (_, mode, signalling) => {
    const ann = join({ ...mode, audioSource: hum(440) });
    const annHears = next(ann, "track");
    await ann.connected();
    const ben = join({ ...mode, audioSource: hum(880) });
    const [benHeard] = await next(ben, "track");
    const [annHeard] = await annHears;
    await Promise.all([hears(benHeard as RemoteTrack, 440), hears(annHeard as RemoteTrack, 880)]);
    await ben.connected();
    expect((annHeard as RemoteTrack).senderId).toBe(ben.connectionId);
    await Promise.all([untilState(ann, signalling), untilState(ben, signalling)]);
    const types = new Set((await ann.getStats()).map(({ type }) => type));
    for (const type of ["inbound-rtp", "outbound-rtp", "transport"]) expect(types).toContain(type);

    const gone = next(ann, "trackRemoved");
    const ended = next(ben, "disconnected");
    await ben.disconnect();
    expect((await ended)[0]).toBe(1000);
    expect(ben.errorCode).toBe("CLOSE_SUCCEEDED");
    expect(await gone).toEqual([annHeard]);
  });

  it("exchange messages, packed and signed", async () => {
    const dataChannels: SoraOptions["dataChannels"] = [
      { label: "#packed", direction: "sendrecv", compress: true },
      { label: "#signed", direction: "sendrecv", header: [{ type: "sender_connection_id" }] },
    ];
    const [ann, ben] = [join({ dataChannels }), join({ dataChannels })];
    const open = (connection: SoraConnection) =>
      new Promise<void>((resolve) =>
        connection.on("dataChannel", () => connection.dataChannels.length === 2 && resolve()),
      );
    await Promise.all([open(ann), open(ben)]);
    for (const label of ["#packed", "#signed"]) {
      const heard = next(ben, "channelMessage");
      await ann.send(label, "hello ".repeat(1000));
      expect(await heard).toMatchObject([
        {
          label,
          data: Buffer.from("hello ".repeat(1000)),
          senderConnectionId: label === "#signed" ? ann.connectionId : undefined,
        },
      ]);
    }
  });
});

describe("a bot that sends more than the network takes", () => {
  it("waits for room, is told of what is too much or too long, and goes on", async () => {
    const dataChannels: SoraOptions["dataChannels"] = [{ label: "#flood", direction: "sendrecv" }];
    const [ann, ben] = [join({ dataChannels }), join({ dataChannels })];
    await Promise.all([ann, ben].map((connection) => next(connection, "dataChannel")));
    const heard: number[] = [];
    ben.on("message", (_, data) => heard.push(Buffer.from(data).readUInt32BE()));
    const numbered = (number: number, bytes: number) => {
      const message = Buffer.alloc(bytes);
      message.writeUInt32BE(number);
      return message;
    };
    await expect(ann.send("#flood", new Uint8Array(262_145))).rejects.toMatchObject({
      code: "INVALID_MESSAGE",
      message: expect.stringContaining("262144"),
    });
    // 12 MB at once, of which 8 MiB may wait; what is taken goes out in order as there is room.
    const sent = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => ann.send("#flood", numbered(index, 200_000))),
    );
    const refused = sent.filter((one) => one.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(20);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "QUEUE_FULL" });
    // What the stage has no room for on the way to the other it drops; the order stays, and what comes later comes.
    const oneMore = async () => {
      await ann.send("#flood", numbered(1000, 4));
      return heard.at(-1);
    };
    await expect.poll(oneMore, { timeout: 10_000 }).toBe(1000);
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
  });
});

describe("a bot whose WebSocket is cut", () => {
  it("comes back, and is heard as before", async () => {
    const { proxy, signalingUrls } = await cuttable();
    const ann = join({ audioSource: hum(440), signalingUrls });
    await ann.connected();
    const { connectionId } = ann;
    const lost = next(ann, "reconnecting");
    const back = next(ann, "reconnected");
    proxy.cut();
    await Promise.all([lost, back]);
    expect(ann.connectionId).not.toBe(connectionId);
    const ben = join({ role: "recvonly" });
    const [heard] = await next(ben, "track");
    await hears(heard as RemoteTrack, 440);
    expect(ann.localTracks[0]?.state).toBe("live");
  });

  it("keeps the track of one who stayed: a sink on it hears on", async () => {
    const { proxy, signalingUrls } = await cuttable();
    const ann = join({ audioSource: hum(440) });
    await ann.connected();
    const ben = join({ role: "recvonly", signalingUrls });
    const [track] = (await next(ben, "track")) as [RemoteTrack];
    const sink = new AudioSink(track, { sampleRate: SAMPLE_RATE, frameMs: 200 });
    cleanups.push(() => sink.close());
    await hearsOn(sink, 440);
    const detached = next(track, "detached");
    const back = next(ben, "reconnected");
    proxy.cut();
    await Promise.all([detached, back]);
    expect(ben.tracks).toEqual([track]);
    const live = next(track, "live");
    if (track.state !== "live") await live;
    await hearsOn(sink, 440);
  });
});

describe("a bot whose peer connection alone is lost", () => {
  it("comes back, and is heard as before", async () => {
    const transports: NativePeerTransport[] = [];
    const wired = await Stage.start({
      createTransport: () => {
        const transport = new NativePeerTransport({ controlling: true });
        transports.push(transport);
        return transport;
      },
    });
    cleanups.push(() => wired.close());
    const signalingUrls = [wired.signalingUrl];
    const ann = join({ audioSource: hum(440), signalingUrls });
    await ann.connected();
    const { connectionId } = ann;
    const ben = join({ role: "recvonly", signalingUrls });
    await ben.connected();
    const paths: string[] = [];
    ann.on("wsClose", () => paths.push("wsClose"));
    ann.on("reconnecting", (reason) => paths.push(`reconnecting: ${reason}`));
    const back = next(ann, "reconnected");
    const track = next(ben, "trackRemoved").then(() => next(ben, "track"));
    // The stage does not notice, so the WebSocket stays.
    transports[0]!.events.removeAllListeners();
    transports[0]!.close();
    await back;
    expect(paths[0]).toMatch(/^reconnecting: .*(closed|peer connection)/);
    expect(ann.connectionId).not.toBe(connectionId);
    await hears((await track)[0] as RemoteTrack, 440);
    expect(ann.localTracks[0]?.state).toBe("live");
  });
});

describe("bots with encoded transforms", () => {
  function encryptionWith(key: number): AudioEncryption {
    const encryption = new AudioEncryption();
    encryption.setKey(0, new Uint8Array(32).fill(key));
    cleanups.push(() => encryption.close());
    return encryption;
  }

  it("hear each other under one key, over a reconnect too; who has another key hears nothing", async () => {
    const { proxy, signalingUrls } = await cuttable();
    const ann = join({ audioSource: hum(440), audioTransform: encryptionWith(1), signalingUrls });
    await ann.connected();
    const ben = join({ role: "recvonly", audioTransform: encryptionWith(1) });
    const stranger = join({ role: "recvonly", audioTransform: encryptionWith(2) });
    const [[heard], [unheard]] = await Promise.all([next(ben, "track"), next(stranger, "track")]);
    const sink = new AudioSink(unheard as RemoteTrack, { sampleRate: SAMPLE_RATE, frameMs: 200 });
    cleanups.push(() => sink.close());
    let loudest = 0;
    sink.on("frame", ({ pcm }) => {
      loudest = Math.max(loudest, ...pcm);
    });
    await hears(heard as RemoteTrack, 440);

    const again = next(ben, "track");
    const back = next(ann, "reconnected");
    proxy.cut();
    await back;
    await hears((await again)[0] as RemoteTrack, 440);
    expect(loudest).toBeLessThan(50);
    expect((unheard as RemoteTrack).transform?.stats.incoming).toMatchObject({ passed: 0 });
    expect((unheard as RemoteTrack).transform?.stats.incoming.dropped).toBeGreaterThan(0);
  });

  it("pass frames through code of their own, which may hold them back", async () => {
    const transform = new EncodedAudioTransform();
    cleanups.push(() => transform.close());
    const held: Parameters<typeof transform.enqueue>[0][] = [];
    transform.on("frame", (frame) => {
      frame.data =
        frame.direction === "outgoing" ? Buffer.concat([frame.data, Buffer.of(1, 2, 3, 4)]) : frame.data;
      held.push(frame);
      if (held.length > 3) transform.enqueue(held.shift()!);
    });
    const ann = join({ audioSource: hum(440) });
    ann.setTransform(transform);
    await ann.connected();
    const ben = join({ role: "recvonly" });
    const [heard] = (await next(ben, "track")) as [RemoteTrack];
    const strip = new EncodedAudioTransform();
    cleanups.push(() => strip.close());
    strip.on("frame", (frame) => {
      expect([...frame.data.subarray(-4)]).toEqual([1, 2, 3, 4]);
      frame.data = frame.data.subarray(0, -4);
      strip.enqueue(frame);
    });
    heard.setTransform(strip);
    await hears(heard, 440);
    expect(transform.stats.outgoing.late).toBe(0);
  });
});

describe("several connections with one source", () => {
  it("encode it once, as long as they want it alike", async () => {
    const source = hum(440);
    const [ann, ben] = [join({ audioSource: source }), join({ audioSource: source })];
    await Promise.all([ann.connected(), ben.connected()]);
    const cyd = join({ role: "recvonly" });
    const tracks = await new Promise<RemoteTrack[]>((resolve) =>
      cyd.on("track", () => cyd.tracks.length === 2 && resolve(cyd.tracks)),
    );
    await Promise.all(tracks.map((track) => hears(track, 440)));
    expect(new Set(tracks.map(({ senderId }) => senderId))).toEqual(
      new Set([ann.connectionId, ben.connectionId]),
    );
    expect(Engine.shared().stats().handles).toMatchObject({ senders: 2, encoders: 1 });

    const dan = join({ audioSource: source, audio: { bitRate: 24 } });
    const [other] = (await next(cyd, "track")) as [RemoteTrack];
    await hears(other, 440);
    await dan.connected();
    expect(Engine.shared().stats().handles).toMatchObject({ senders: 3, encoders: 2 });
  });
});

describe("the stage ends a connection", () => {
  it.each(MODES)("with its code and reason: %s", async (_, mode, signalling) => {
    const ann = join(mode);
    await ann.connected();
    await untilState(ann, signalling);
    const ended = next(ann, "disconnected");
    const reply = await fetch(stage.apiUrl, {
      method: "POST",
      headers: { "x-sora-target": "Sora_20151104.DisconnectConnection" },
      body: JSON.stringify({ channel_id: "lobby", connection_id: ann.connectionId }),
    });
    expect(reply.status).toBe(200);
    expect(await ended).toEqual([1000, "DISCONNECTED-API"]);
    expect(ann.errorCode).toBe("CLOSE_SUCCEEDED");
  });

  it("refuses a bot without the secret", async () => {
    const guarded = await Stage.start({ secret: "a long secret" });
    cleanups.push(() => guarded.close());
    const ann = join({ signalingUrls: [guarded.signalingUrl] });
    await expect(ann.connected()).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    const ben = join({ signalingUrls: [guarded.signalingUrl], metadata: { access_token: "a long secret" } });
    await ben.connected();
  });
});
