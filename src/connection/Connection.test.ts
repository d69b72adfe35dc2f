import { describe, expect, it, vi } from "vitest";
import type { DialReason, DriverEvent } from "../actors/index.ts";
import { inspectActors } from "../actors/index.ts";
import { TroupeError, TypedEvents } from "../core/index.ts";
import {
  type AudioProducer,
  type EngineProducer,
  type EngineReceiver,
  type EngineSender,
  FrameTransform,
  type ProducerEvents,
} from "../media/index.ts";
import { Connection, connect } from "./Connection.ts";
import type { LocalTrack } from "./LocalTrack.ts";
import type { RemoteTrack } from "./RemoteTrack.ts";
import type { ConnectionHost, ConnectionSetup, StatsEntry, TransportDriver } from "./transport.ts";

/** A transport without a wire: the test is the far side. */
class ScriptedDriver implements TransportDriver {
  readonly host: ConnectionHost;
  readonly log: string[] = [];
  readonly farewell = { code: 1000, reason: "TYPE-DISCONNECT" };
  report: (event: DriverEvent) => void = () => {};

  constructor(host: ConnectionHost) {
    this.host = host;
  }

  start(reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    this.log.push(reason);
    this.report = report;
    signal.addEventListener("abort", () => this.log.push("aborted"), { once: true });
  }

  join(): void {
    for (const type of ["signalling.open", "negotiated", "transport.connected", "joined"] as const) {
      this.report({ type });
    }
  }

  async leave(reason: string): Promise<{ code: number; reason: string }> {
    this.log.push(`leave ${reason}`);
    return this.farewell;
  }

  close(): void {
    this.log.push("close");
  }

  publish(track: LocalTrack): void {
    this.log.push(`publish ${track.id}`);
  }

  unpublish(track: LocalTrack): void {
    this.log.push(`unpublish ${track.id}`);
  }

  async send(label: string, data: Uint8Array | string): Promise<void> {
    this.log.push(`send ${label} ${data}`);
  }

  getStats(): StatsEntry[] {
    return [{ id: "T", type: "transport", timestamp: 0 }];
  }
}

class ScriptedConnection extends Connection<{ pushed: [data: number] }> {
  scripted!: ScriptedDriver;

  constructor(setup: Partial<ConnectionSetup> = {}) {
    super({
      transport: "scripted",
      createDriver: (host) => {
        this.scripted = new ScriptedDriver(host);
        return this.scripted;
      },
      ...setup,
    });
  }

  push(data: number): void {
    this.emitExtra("pushed", data);
  }
}

/** Notes what it carries; an engine's sender as far as a local track uses it. */
class FakeSender {
  readonly carried: (EngineProducer | null)[] = [];
  closed = false;
  setProducer(producer: EngineProducer | null): void {
    this.carried.push(producer);
  }
  get asSender(): EngineSender {
    return this as unknown as EngineSender;
  }
}

class FakeReceiver {
  readonly events = new TypedEvents<{ flow: [state: "flowing" | "stalled"] }>();
  get asReceiver(): EngineReceiver {
    return this as unknown as EngineReceiver;
  }
}

/** Its streams are its name. */
class ScriptedTransform extends FrameTransform {
  readonly #name: string;
  readonly #order: string[];

  constructor(name: string, order: string[]) {
    super();
    this.#name = name;
    this.#order = order;
  }

  override open(): never {
    return this.#name as never;
  }

  override release(stream: unknown): void {
    this.#order.push(`${stream} released`);
  }

  protected override createStream(): never {
    throw new Error("nothing asks for it");
  }
}

class FakeSource implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  producer: EngineProducer | null = { handle: 1 } as EngineProducer;
  producerEnded = false;
  consumers = 0;
  addConsumer(): () => void {
    this.consumers += 1;
    return () => {
      this.consumers -= 1;
    };
  }
}

const ALICE = { key: "alice", kind: "audio", senderId: "alice" } as const;

function start(setup: Partial<ConnectionSetup> = {}) {
  const connection = connect({ name: "scripted", create: () => new ScriptedConnection(setup) });
  const heard: string[] = [];
  connection.on("connected", () => heard.push("connected"));
  connection.on("reconnecting", (reason) => heard.push(`reconnecting ${reason}`));
  connection.on("reconnected", () => heard.push("reconnected"));
  connection.on("disconnected", (code, reason) => heard.push(`disconnected ${code} ${reason}`));
  connection.on("track", (track) => heard.push(`track ${track.key}`));
  connection.on("trackRemoved", (track) => heard.push(`trackRemoved ${track.key}`));
  return { connection, driver: connection.scripted, heard };
}

/** Loses the connection and waits for the redial, which the first backoff delays by at most 250 ms. */
async function lose(connection: ScriptedConnection, driver: ScriptedDriver): Promise<void> {
  const redialing = Promise.withResolvers<void>();
  connection.on("state", (state) => state === "reconnecting.redialing" && redialing.resolve());
  driver.report({ type: "transport.lost", reason: "ice" });
  await redialing.promise;
}

describe("Connection", () => {
  it("resolves connected() once joined and shows the state as a path", async () => {
    const { connection, driver, heard } = start();
    expect(connection.state).toBe("connecting.dialing");
    driver.join();
    await connection.connected();
    expect(connection.state).toBe("connected(signalling.webSocket, media.flowing)");
    expect(heard).toEqual(["connected"]);
    await connection.disconnect();
  });

  it("rejects connected() with what failed, and ends exactly once", async () => {
    const { connection, driver, heard } = start();
    const error = new TroupeError("ACCESS_DENIED", "wrong secret");
    driver.report({ type: "attempt.failed", error, permanent: true });
    driver.report({ type: "remote.closed", code: 1000, reason: "late" });
    await expect(connection.connected()).rejects.toBe(error);
    await connection.disconnect();
    expect(heard).toEqual(["disconnected 0 wrong secret"]);
    expect(driver.log).toEqual(["dial", "aborted", "close"]);
  });

  it("leaves with a reason, passes on what the far side said, and rejects who still waits to connect", async () => {
    const { connection, driver, heard } = start();
    driver.join();
    await connection.disconnect("NO-ERROR");
    expect(heard).toEqual(["connected", "disconnected 1000 TYPE-DISCONNECT"]);
    expect(driver.log).toEqual(["dial", "leave NO-ERROR", "aborted", "close"]);
    const early = start();
    const waiting = early.connection.connected();
    await early.connection.disconnect("changed my mind");
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED", message: "changed my mind" });
  });

  it("passes remote tracks on, whichever of receiver and track comes first", () => {
    const { connection, driver } = start();
    const tracks: RemoteTrack[] = [];
    connection.on("track", (track) => tracks.push(track));
    const [first, second] = [new FakeReceiver(), new FakeReceiver()];
    driver.host.receiverReady("alice", first.asReceiver);
    driver.join();
    driver.report({ type: "track.added", track: ALICE });
    driver.report({ type: "track.added", track: { ...ALICE, key: "bob", senderId: "bob" } });
    expect(tracks.map((track) => track.state)).toEqual(["live", "subscribing"]);
    driver.host.receiverReady("bob", second.asReceiver);
    expect(tracks[1]).toMatchObject({ state: "live", producer: second, senderId: "bob" });
    first.events.emit("flow", "stalled");
    expect(tracks[0]!.state).toBe("stalled");
    driver.host.trackMuted("bob", true);
    expect(tracks[1]!.state).toBe("muted");
    void connection.disconnect();
  });

  it("ends a track that the far side removes", () => {
    const { connection, driver, heard } = start();
    driver.join();
    driver.report({ type: "track.added", track: ALICE });
    const track = connection.tracks[0]!;
    const ended = vi.fn();
    track.producerEvents.on("ended", ended);
    driver.report({ type: "track.removed", key: "alice" });
    expect(ended).toHaveBeenCalledOnce();
    expect(track.state).toBe("ended");
    expect(connection.tracks).toEqual([]);
    expect(heard).toEqual(["connected", "track alice", "trackRemoved alice"]);
    void connection.disconnect();
  });

  it("keeps tracks and sources over a reconnect", async () => {
    const { connection, driver, heard } = start();
    const source = new FakeSource();
    const local = connection.publish(source);
    const senders = [new FakeSender(), new FakeSender()];
    driver.host.senderReady(local.id, senders[0]!.asSender);
    driver.host.receiverReady("alice", new FakeReceiver().asReceiver);
    driver.join();
    driver.report({ type: "track.added", track: ALICE });
    const remote = connection.tracks[0]!;
    expect([local.state, remote.state, source.consumers]).toEqual(["live", "live", 1]);
    await lose(connection, driver);
    expect([local.state, remote.state, source.consumers]).toEqual(["detached", "detached", 0]);
    expect(remote.producer).toBeNull();
    expect(driver.host.localTracks).toEqual([local]);
    driver.host.senderReady(local.id, senders[1]!.asSender);
    const receiver = new FakeReceiver();
    driver.host.receiverReady("alice", receiver.asReceiver);
    driver.report({ type: "track.added", track: ALICE });
    driver.join();
    expect([local.state, remote.state, source.consumers]).toEqual(["live", "live", 1]);
    expect(remote.producer).toBe(receiver);
    expect(senders[1]!.carried).toEqual([source.producer]);
    expect(heard).toEqual(["connected", "track alice", "reconnecting ice", "reconnected"]);
    await connection.disconnect();
    expect([local.state, remote.state]).toEqual(["ended", "ended"]);
  });

  it("detaches again what a redial had attached before it failed", async () => {
    const { connection, driver } = start();
    const source = new FakeSource();
    const local = connection.publish(source);
    driver.join();
    driver.report({ type: "track.added", track: ALICE });
    await lose(connection, driver);
    driver.host.senderReady(local.id, new FakeSender().asSender);
    driver.host.receiverReady("alice", new FakeReceiver().asReceiver);
    driver.host.channelOpen({ label: "#chat", direction: "sendrecv" });
    const remote = connection.tracks[0]!;
    expect([local.state, remote.state, source.consumers]).toEqual(["live", "live", 1]);
    driver.report({ type: "transport.lost", reason: "ice" });
    expect(connection.state).toBe("reconnecting.waiting");
    expect([local.state, remote.state, source.consumers]).toEqual(["detached", "detached", 0]);
    expect(remote.producer).toBeNull();
    expect(connection.dataChannels).toEqual([]);
    await connection.disconnect();
  });

  it("follows the producer of what is published, and takes it back when that ends", async () => {
    const { connection, driver } = start();
    driver.join();
    const source = new FakeSource();
    const local = connection.publish(source);
    const sender = new FakeSender();
    driver.host.senderReady(local.id, sender.asSender);
    const next = { handle: 2 } as EngineProducer;
    source.producerEvents.emit("changed", next);
    source.producerEvents.emit("ended");
    expect(sender.carried.map((producer) => producer?.handle ?? null)).toEqual([1, 2, null]);
    expect(local.state).toBe("ended");
    expect(connection.localTracks).toEqual([]);
    expect(driver.log).toEqual(["dial", "publish local-1", "unpublish local-1"]);
    await connection.disconnect();
  });

  it("puts its transform on every sender before what it sends, and on every track that has no other", async () => {
    const { connection, driver } = start();
    const order: string[] = [];
    const transformOf = (name: string) => new ScriptedTransform(name, order);
    const carrier = (name: string) => ({
      closed: false,
      setTransform: (stream: unknown) => order.push(`${name} transform ${stream}`),
      setProducer: (producer: unknown) => producer && order.push(`${name} producer`),
    });
    connection.setTransform(transformOf("first"));
    driver.join();
    const local = connection.publish(new FakeSource());
    driver.host.senderReady(local.id, carrier("sender") as never);
    driver.report({ type: "track.added", track: ALICE });
    driver.host.receiverReady("alice", Object.assign(new FakeReceiver(), carrier("receiver")) as never);
    connection.tracks[0]!.setTransform(transformOf("own"));
    connection.setTransform(transformOf("second"));
    driver.host.senderReady(local.id, carrier("next sender") as never);
    expect(order).toEqual([
      "sender transform first",
      "sender producer",
      "receiver transform first",
      "receiver transform own",
      "first released",
      "sender transform second",
      "first released",
      "next sender transform second",
      "second released",
      "next sender producer",
    ]);
    await connection.disconnect();
  });

  it("refuses transforms where the transport encrypts, and what is none", async () => {
    const { connection, driver } = start({ encryptsFrames: true });
    driver.join();
    expect(() => connection.setTransform(null)).toThrow("encrypts its frames by itself");
    expect(() => connection.publish(new FakeSource()).setTransform(null)).toThrow("encrypts its frames");
    await connection.disconnect();
    const other = start();
    expect(() => other.connection.setTransform({} as never)).toThrow(
      "an EncodedAudioTransform or AudioEncryption",
    );
    await other.connection.disconnect();
  });

  it("refuses to publish what is no producer, what has ended, and when it is over", async () => {
    const { connection } = start();
    expect(() => connection.publish({} as AudioProducer)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "producer" }),
    );
    const ended = Object.assign(new FakeSource(), { producerEnded: true });
    expect(() => connection.publish(ended)).toThrow(expect.objectContaining({ code: "CLOSED" }));
    await connection.disconnect();
    expect(() => connection.publish(new FakeSource())).toThrow(
      expect.objectContaining({ code: "INVALID_STATE" }),
    );
  });

  it("sends on open channels only, and says so while it reconnects", async () => {
    const { connection, driver } = start();
    const opened: string[] = [];
    connection.on("dataChannel", (label) => opened.push(label));
    driver.join();
    await expect(connection.send("#chat", "hello")).rejects.toMatchObject({
      code: "INVALID_STATE",
      field: "label",
    });
    driver.host.channelOpen({ label: "#chat", direction: "sendrecv" });
    await connection.send("#chat", "hello");
    expect(opened).toEqual(["#chat"]);
    expect(driver.log).toContain("send #chat hello");
    await lose(connection, driver);
    await expect(connection.send("#chat", "hello")).rejects.toMatchObject({ code: "INVALID_STATE" });
    await connection.disconnect();
  });

  it("passes messages, statistics and a transport's own events on", async () => {
    const { connection, driver } = start();
    const messages: unknown[] = [];
    connection.on("message", (label, data) => messages.push([label, [...data]]));
    connection.on("pushed", (data) => messages.push(data));
    driver.join();
    driver.host.message("#chat", Uint8Array.of(1, 2));
    connection.push(7);
    expect(messages).toEqual([["#chat", [1, 2]], 7]);
    expect(connection.getStats().map(({ type }) => type)).toEqual(["transport"]);
    await connection.disconnect();
    expect(connection.getStats()).toEqual([]);
  });

  it("keeps the connection beside it untouched when a listener and a driver throw", async () => {
    const beside = start();
    beside.driver.join();
    const broken = start();
    broken.connection.on("track", () => {
      throw new Error("listener broke");
    });
    broken.driver.join();
    broken.driver.report({ type: "track.added", track: ALICE });
    broken.driver.close = () => {
      throw new Error("driver broke");
    };
    broken.driver.publish = () => {
      throw new Error("driver broke");
    };
    broken.connection.publish(new FakeSource());
    await broken.connection.disconnect();
    expect(broken.heard).toContain("disconnected 1000 TYPE-DISCONNECT");
    expect(beside.connection.state).toBe("connected(signalling.webSocket, media.flowing)");
    beside.driver.report({ type: "track.added", track: ALICE });
    expect(beside.heard).toEqual(["connected", "track alice"]);
    await beside.connection.disconnect();
  });

  it("shows its actors in the feed, and leaves none behind", async () => {
    const states = new Map<string, string>();
    const stop = inspectActors(({ id, state }) => states.set(id, state));
    const { connection, driver } = start();
    driver.join();
    connection.publish(new FakeSource());
    const mine = [...states.entries()].filter(([id]) => id.startsWith("scripted:")).slice(-2);
    expect(mine.map(([, state]) => state)).toEqual([
      "connected(signalling.webSocket, media.flowing)",
      "publishing",
    ]);
    await connection.disconnect();
    stop();
    expect(mine.map(([id]) => states.get(id))).toEqual(["stopped", "stopped"]);
  });

  it("leaves when its signal aborts, and does not begin under one that has", async () => {
    const controller = new AbortController();
    const transport = { name: "scripted", create: () => new ScriptedConnection() };
    const connection = connect(transport, { signal: controller.signal });
    connection.scripted.join();
    controller.abort();
    await connection.disconnected();
    expect(connection.scripted.log).toEqual(["dial", "leave cancelled", "aborted", "close"]);
    expect(() => connect(transport, { signal: controller.signal })).toThrow(
      expect.objectContaining({ code: "CANCELLED" }),
    );
  });

  it("ends without a call when it is disposed before its start", async () => {
    const connection = new ScriptedConnection();
    await connection.disconnect("unused");
    await expect(connection.connected()).rejects.toMatchObject({ code: "CLOSED" });
  });
});
