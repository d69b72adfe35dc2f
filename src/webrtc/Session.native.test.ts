import nodeDataChannel from "node-datachannel";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { shareAt, sine } from "../../test/fixtures/tone.ts";
import { Engine, type EngineReceiver, loadBinding } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import type { TransportChannel } from "./PeerTransport.ts";
import { Session, type SessionOptions } from "./Session.ts";
import { OPUS, OPUS_RTX, PCMU } from "./sdp/codecs.ts";
import type { Transceiver } from "./types.ts";

const RATE = 48_000;
const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) close();
  // The engine's threads let go of their codecs with the next tick.
  await expect.poll(openHandles, { timeout: 5000 }).toEqual([]);
});

function openHandles(): [kind: string, count: number][] {
  const transports = loadBinding().transportHandles().transports;
  return Object.entries({ ...Engine.shared().stats().handles, transports }).filter(([, count]) => count > 0);
}

afterAll(() => {
  Engine.stop();
});

function owned<Closable extends { close(): void }>(closable: Closable): Closable {
  closers.push(() => closable.close());
  return closable;
}

function create(role: "offerer" | "answerer", options: Pick<SessionOptions, "jitterBuffer"> = {}): Session {
  const transport = new NativePeerTransport({ controlling: role === "offerer" });
  return owned(new Session({ ...options, role, transport }));
}

/** Each hears of the other's candidates as they come. */
function trickle(a: Session, b: Session): void {
  a.events.on("candidate", (candidate, mid) => b.addRemoteCandidate(candidate, mid));
  b.events.on("candidate", (candidate, mid) => a.addRemoteCandidate(candidate, mid));
}

function exchange(stage: Session, client: Session): void {
  stage.acceptAnswer(
    client.acceptOffer(stage.createOffer(), (line) => (line.canSend ? { send: { streamId: "client" } } : {})),
  );
}

function connected(session: Session): Promise<void> {
  if (session.transport.state === "connected") return Promise.resolve();
  return new Promise((resolve, reject) => {
    session.events.on("state", (state, reason) => {
      if (state === "connected") resolve();
      else if (state === "failed") reject(new Error(reason));
    });
  });
}

/** A source that plays a sine until the test ends. */
function play(transceiver: Transceiver, frequencyHz: number): void {
  const source = owned(Engine.shared().createSource({ sampleRate: RATE, channels: 1, capacityMs: 1000 }));
  transceiver.setProducer(source);
  const second = sine(frequencyHz, 1000, RATE);
  let at = 0;
  const fill = () => {
    for (let taken = 1; taken > 0; at = (at + taken) % second.length)
      taken = source.write(second.subarray(at));
  };
  fill();
  const timer = setInterval(fill, 200);
  closers.push(() => clearInterval(timer));
}

/** Resolves once 200 ms in a row are at least nine tenths this sine. */
function hears(receiver: EngineReceiver | null, frequencyHz: number): Promise<void> {
  const sink = owned(Engine.shared().createSink({ sampleRate: 16_000, channels: 1, frameMs: 200 }));
  sink.bind(receiver);
  return new Promise((resolve) => {
    sink.events.on("frame", ({ pcm, sampleRate }) => {
      if (shareAt(frequencyHz, pcm, sampleRate) > 0.9) resolve();
    });
  });
}

describe("two sessions over their own transport", () => {
  it("hear each other's tones, before and after m-lines come, go and are used again", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const up = stage.addTransceiver({ kind: "audio", direction: "recvonly" });
    const down = stage.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "stage" });
    exchange(stage, client);
    await Promise.all([connected(stage), connected(client)]);
    const [clientUp, clientDown] = client.transceivers;
    play(clientUp!, 500);
    play(down, 800);
    await Promise.all([hears(up.receiver, 500), hears(clientDown!.receiver, 800)]);

    stage.removeTransceiver(down);
    exchange(stage, client);
    expect(client.transceivers[1]?.receiver).toBeNull();
    const again = stage.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "other" });
    expect(again.mid).toBe(down.mid);
    exchange(stage, client);
    play(again, 1100);
    await Promise.all([hears(up.receiver, 500), hears(client.transceivers[1]!.receiver, 1100)]);

    const report = client.getStats();
    const types = new Set(report.map(({ type }) => type));
    for (const type of ["codec", "inbound-rtp", "outbound-rtp", "transport", "candidate-pair"]) {
      expect(types).toContain(type);
    }
    expect(report.find(({ type }) => type === "outbound-rtp")).toMatchObject({
      ssrc: clientUp?.localSsrc,
      mid: "0",
    });
  });

  it("go on hearing, under the same SSRC and over the same SRTP, when another codec is agreed on", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const both = stage.addTransceiver({
      kind: "audio",
      direction: "sendrecv",
      streamId: "stage",
      codecs: [OPUS, OPUS_RTX, PCMU],
    });
    const agreeOn = (codecs: string[]) =>
      stage.acceptAnswer(
        client.acceptOffer(stage.createOffer(), () => ({ send: { streamId: "client", codecs } })),
      );
    agreeOn(["opus", "rtx", "pcmu"]);
    await Promise.all([connected(stage), connected(client)]);
    const theirs = client.transceivers[0]!;
    play(both, 500);
    play(theirs, 800);
    const heard = () => Promise.all([hears(theirs.receiver, 500), hears(both.receiver, 800)]);
    await heard();
    const inbound = (session: Session) => session.peer.stats().inbound;
    const received = () => [stage, client].map((session) => inbound(session)[0]!.packetsReceived);
    for (const codecs of [
      ["pcmu", "opus", "rtx"],
      ["opus", "rtx", "pcmu"],
    ]) {
      const before = received();
      agreeOn(codecs);
      await heard();
      const payloadType = codecs[0] === "pcmu" ? 0 : 111;
      for (const [index, session] of [stage, client].entries()) {
        expect(inbound(session)).toHaveLength(1);
        expect(inbound(session)[0]).toMatchObject({ payloadType, packetsLost: 0 });
        expect(received()[index]).toBeGreaterThan(before[index]!);
        expect(session.transport.stats().drops).not.toHaveProperty("srtpReplay");
        expect(session.transport.stats().drops).not.toHaveProperty("srtpAuthentication");
        expect(session.transport.stats().drops).not.toHaveProperty("sendFailed");
      }
    }
    expect(inbound(stage)[0]?.ssrc).toBe(theirs.localSsrc);
    expect(inbound(client)[0]?.ssrc).toBe(both.localSsrc);
  });

  it("hear with the delay that the bounds of the jitter buffer leave", async () => {
    const stage = create("offerer", { jitterBuffer: { minimumDelayMs: 150, maximumDelayMs: 600 } });
    const client = create("answerer");
    trickle(stage, client);
    const up = stage.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(stage, client);
    await Promise.all([connected(stage), connected(client)]);
    play(client.transceivers[0]!, 500);
    await hears(up.receiver, 500);
    const { jitterBufferTargetDelay, jitterBufferEmittedCount } = stage.peer.stats().inbound[0]!;
    expect(jitterBufferTargetDelay / jitterBufferEmittedCount).toBeGreaterThanOrEqual(0.149);
  });

  it("go on hearing over an ICE restart", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const up = stage.addTransceiver({ kind: "audio", direction: "recvonly" });
    const offered = stage.createOffer();
    const answered = client.acceptOffer(offered, () => ({ send: { streamId: "client" } }));
    stage.acceptAnswer(answered);
    await Promise.all([connected(stage), connected(client)]);
    play(client.transceivers[0]!, 500);
    await hears(up.receiver, 500);
    const receiver = up.receiver;
    const restart = stage.createOffer({ iceRestart: true });
    const ufrags = (sdp: string) => sdp.match(/a=ice-ufrag:\S+/)?.[0];
    expect(ufrags(restart)).not.toBe(ufrags(offered));
    const answer = client.acceptOffer(restart);
    expect(ufrags(answer)).not.toBe(ufrags(answered));
    stage.acceptAnswer(answer);
    expect(up.receiver).toBe(receiver);
    await hears(up.receiver, 500);
  });

  it("go on hearing over restarts on new sockets, by the offerer and by the answerer", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const up = stage.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(stage, client);
    await Promise.all([connected(stage), connected(client)]);
    play(client.transceivers[0]!, 500);
    await hears(up.receiver, 500);
    const selected = (session: Session) => session.transport.stats().localCandidate;
    for (const session of [stage, client]) {
      const before = selected(session);
      session.restartIce("new-sockets");
      exchange(stage, client);
      await expect.poll(() => selected(session), { timeout: 10_000 }).not.toBe(before);
      await hears(up.receiver, 500);
    }
    expect([stage.transport.state, client.transport.state]).toEqual(["connected", "connected"]);
  });

  it("fall silent at once where the other stops sending, since it says so", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const lines = [0, 1].map((index) =>
      stage.addTransceiver({ kind: "audio", direction: "sendonly", streamId: `stage${index}` }),
    );
    exchange(stage, client);
    await Promise.all([connected(stage), connected(client)]);
    for (const [index, line] of lines.entries()) play(line, 500 + 300 * index);
    const [ended, other] = client.transceivers.map(({ receiver }) => receiver!);
    await Promise.all([hears(ended!, 500), hears(other!, 800)]);
    const sink = owned(Engine.shared().createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 }));
    sink.bind(ended!);
    const gone = lines[0]!.localSsrc;
    const inbound = () => client.peer.stats().inbound.find(({ ssrc }) => ssrc === gone)!;
    const ssrcs: number[] = [];
    client.peer.events.on("bye", (ssrc) => ssrcs.push(ssrc));
    const stalled = new Promise<void>((resolve) => {
      ended!.events.on("flow", (flow) => flow === "stalled" && resolve());
    });
    const before = inbound().concealedSamples;
    // Its m-line goes with the next offer; the packets end, and the goodbye goes out, at once.
    stage.removeTransceiver(lines[0]!);
    await stalled;
    expect(ssrcs).toEqual([gone]);
    // A stream that merely stops is concealed for 1.2 s first, 57,600 samples.
    expect(inbound().concealedSamples - before).toBeLessThan(24_000);
    await hears(other!, 800);
  });

  it("match packets to m-lines without an SSRC in the SDP", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    const lines = [0, 1].map(() => stage.addTransceiver({ kind: "audio", direction: "recvonly" }));
    const answer = client.acceptOffer(stage.createOffer(), (line) => ({ send: { streamId: line.mid } }));
    stage.acceptAnswer(answer.replaceAll(/a=ssrc:.*\r\n/g, ""));
    for (const [index, transceiver] of client.transceivers.entries()) play(transceiver, 500 + 300 * index);
    await Promise.all(lines.map(({ receiver }, index) => hears(receiver, 500 + 300 * index)));
  });

  it("forward what one hears to another", async () => {
    const [a, b] = [create("offerer"), create("offerer")];
    const [speaker, listener] = [create("answerer"), create("answerer")];
    trickle(a, speaker);
    trickle(b, listener);
    const up = a.addTransceiver({ kind: "audio", direction: "recvonly" });
    const down = b.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "s", noSender: true });
    exchange(a, speaker);
    exchange(b, listener);
    const forwarder = owned(
      b.peer.createForwarder(up.receiver!, {
        mid: down.mid,
        ssrc: down.localSsrc,
        cname: down.cname,
        payloadTypes: [[111, 111]],
        nack: down.nack,
      }),
    );
    expect(forwarder.closed).toBe(false);
    play(speaker.transceivers[0]!, 700);
    await hears(listener.transceivers[0]!.receiver, 700);
  });

  it("carry data channels both ways", async () => {
    const [stage, client] = [create("offerer"), create("answerer")];
    trickle(stage, client);
    stage.addApplication();
    const ours = stage.openChannel("#chat");
    const theirs = new Promise<TransportChannel>((resolve) => {
      client.events.on("channel", resolve);
    });
    exchange(stage, client);
    const channel = await theirs;
    expect(channel.label).toBe("#chat");
    const echoed = new Promise<string>((resolve) => {
      ours.events.on("message", (data) => resolve(data.toString()));
    });
    channel.events.on("message", (data) => channel.send(`heard ${data}`));
    if (ours.state !== "open") {
      await new Promise<void>((resolve) => {
        ours.events.on("open", resolve);
      });
    }
    ours.send("hello");
    expect(await echoed).toBe("heard hello");
    expect(stage.getStats().find(({ type }) => type === "data-channel")).toMatchObject({ label: "#chat" });
  });
});

describe("a session and a foreign stack", () => {
  function foreign(): nodeDataChannel.PeerConnection {
    return owned(
      new nodeDataChannel.PeerConnection("foreign", { iceServers: [], disableAutoNegotiation: true }),
    );
  }

  function opusTrack(connection: nodeDataChannel.PeerConnection, mid: string): nodeDataChannel.Track {
    const audio = new nodeDataChannel.Audio(mid, "SendRecv");
    audio.addOpusCodec(111);
    audio.addSSRC(1234, "cname", "stream+/1", "track");
    return connection.addTrack(audio);
  }

  /** Reports come too, and before anything is played. */
  function firstRtp(track: nodeDataChannel.Track): Promise<Buffer> {
    return new Promise((resolve) => {
      track.onMessage((packet: Buffer) => {
        if (packet.readUInt8(1) < 192 || packet.readUInt8(1) > 223) resolve(packet);
      });
    });
  }

  it("connect and pass packets and messages when it answers", async () => {
    const stage = create("offerer");
    const connection = foreign();
    connection.onLocalCandidate((candidate, mid) => void stage.addRemoteCandidate(candidate, mid));
    stage.events.on("candidate", (candidate, mid) => {
      if (candidate) connection.addRemoteCandidate(candidate, mid);
    });
    const both = stage.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "stage" });
    stage.addApplication();
    const channel = stage.openChannel("#chat");
    const track = opusTrack(connection, both.mid);
    const packet = firstRtp(track);
    const message = new Promise<string>((resolve) => {
      connection.onDataChannel((theirs) => theirs.onMessage((data) => resolve(String(data))));
    });
    connection.setRemoteDescription(stage.createOffer(), "offer");
    connection.setLocalDescription("answer");
    stage.acceptAnswer(connection.localDescription()!.sdp);
    expect([both.remoteStreamId, both.remoteSsrcs]).toEqual(["stream+/1", [1234]]);
    await connected(stage);
    play(both, 500);
    const rtp = await packet;
    expect(rtp.readUInt8(1) & 0x7f).toBe(111);
    expect(rtp.readUInt32BE(8)).toBe(both.localSsrc);
    if (channel.state !== "open") {
      await new Promise<void>((resolve) => {
        channel.events.on("open", resolve);
      });
    }
    channel.send("hello");
    expect(await message).toBe("hello");
  });

  it("connect and pass packets when it offers", async () => {
    const client = create("answerer");
    const connection = foreign();
    connection.onLocalCandidate((candidate, mid) => void client.addRemoteCandidate(candidate, mid));
    const tracks: string[] = [];
    client.events.on("track", (_, streamId) => tracks.push(streamId));
    const track = opusTrack(connection, "audio");
    const packet = firstRtp(track);
    connection.setLocalDescription("offer");
    const answer = client.acceptOffer(connection.localDescription()!.sdp, () => ({
      send: { streamId: "me" },
    }));
    connection.setRemoteDescription(answer, "answer");
    client.events.on("candidate", (candidate, mid) => {
      if (candidate) connection.addRemoteCandidate(candidate, mid);
    });
    await connected(client);
    const [transceiver] = client.transceivers;
    play(transceiver!, 500);
    expect((await packet).readUInt32BE(8)).toBe(transceiver?.localSsrc);
    expect(tracks).toEqual(["stream+/1"]);
  });
});
