import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { shareAt, sine } from "../../../../test/fixtures/tone.ts";
import {
  type CryptorState,
  Engine,
  type EngineReceiver,
  type EngineSender,
  type EngineSink,
  type EngineSource,
} from "../../../native/index.ts";
import { EncryptionManager } from "./EncryptionManager.ts";
import { KeyProvider } from "./KeyProvider.ts";

const OPUS = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
const TICK_US = 10_000;
const RATE = 16_000;

describe("the encryption of a room", () => {
  let engine: Engine;
  let nowUs: number;
  let source: EngineSource;
  let sender: EngineSender;
  let receiver: EngineReceiver;
  let sink: EngineSink;
  let heard: Int16Array[];
  const open: { close(): void }[] = [];

  beforeEach(() => {
    engine = Engine.startManual();
    nowUs = 1_000_000;
    heard = [];
    const [near, far] = [engine.createPeer(), engine.createPeer()];
    near.link(far);
    source = engine.createSource({ sampleRate: RATE, channels: 1, capacityMs: 2_000 });
    sender = near.createSender({ kind: "audio", mid: "0", ssrc: 1, cname: "a", codec: OPUS, nack: true });
    receiver = far.createReceiver({ kind: "audio", mid: "0", ssrcs: [1], codecs: [OPUS], nack: true });
    sink = engine.createSink({ sampleRate: RATE, channels: 1, frameMs: 100 });
    sink.events.on("frame", ({ pcm }) => heard.push(pcm.slice()));
    sink.bind(receiver);
    open.push(near, far, source, sink);
  });

  afterEach(() => {
    for (const one of open.splice(0)) one.close();
    Engine.stop();
  });

  function room(options: ConstructorParameters<typeof EncryptionManager>[0]): {
    manager: EncryptionManager;
    states: [string, CryptorState][];
  } {
    const manager = new EncryptionManager(options);
    const states: [string, CryptorState][] = [];
    manager.events.on("stateChanged", (identity, state) => states.push([identity, state]));
    open.push(manager);
    return { manager, states };
  }

  /** Another sender of the same participant, and its receiver, which somebody listens to. */
  function secondTrack(): [EngineSender, EngineReceiver] {
    const [near, far] = [engine.createPeer(), engine.createPeer()];
    near.link(far);
    const listener = engine.createSink({ sampleRate: RATE, channels: 1, frameMs: 100 });
    const to = far.createReceiver({ kind: "audio", mid: "0", ssrcs: [2], codecs: [OPUS], nack: true });
    listener.bind(to);
    open.push(near, far, listener);
    return [near.createSender({ kind: "audio", mid: "0", ssrc: 2, cname: "a", codec: OPUS, nack: true }), to];
  }

  /** Plays a second of the tone; gives the share of it in what was heard at the end of that second. */
  function play(frequencyHz = 500): number {
    source.write(sine(frequencyHz, 1000, RATE));
    heard.length = 0;
    for (const end = nowUs + 1_000_000; nowUs < end; nowUs += TICK_US) engine.tick(nowUs);
    const last = heard.at(-3);
    return last ? shareAt(frequencyHz, last, RATE) : 0;
  }

  const provider = async (words: string): Promise<KeyProvider> => {
    const made = new KeyProvider({ sharedKey: words });
    await made.ready;
    return made;
  };

  it("lets those hear each other who share a key, and nobody else", async () => {
    const alice = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "alice" });
    const bob = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "bob" });
    const eve = room({ encryption: { keyProvider: await provider("two") }, localIdentity: () => "eve" });
    alice.manager.addLocalTrack("TR_1", sender);
    sender.setProducer(source);
    bob.manager.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    expect(play()).toBeGreaterThan(0.9);
    expect(alice.states).toEqual([["alice", "ok"]]);
    expect(bob.states).toEqual([["alice", "ok"]]);
    bob.manager.removeTrack("TR_1");
    // What comes is not encrypted as far as this receiver knows: noise, if anything.
    expect(play()).toBeLessThan(0.5);
    eve.manager.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    expect(play()).toBeLessThan(0.1);
    expect(eve.states).toEqual([["alice", "decryptionFailed"]]);
  });

  it("sends nothing without a key, and takes nothing without one", async () => {
    const alice = room({ encryption: { keyProvider: {} }, localIdentity: () => "alice" });
    const bob = room({ encryption: { keyProvider: {} }, localIdentity: () => "bob" });
    alice.manager.addLocalTrack("TR_1", sender);
    bob.manager.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    sender.setProducer(source);
    expect(play()).toBe(0);
    expect([alice.states, bob.states]).toEqual([[["alice", "missingKey"]], []]);
    await alice.manager.keyProvider?.setKey("alice", "one");
    play();
    expect(bob.states).toEqual([["alice", "missingKey"]]);
    await bob.manager.keyProvider?.setKey("alice", "one");
    expect(play()).toBeGreaterThan(0.9);
    expect(bob.states.at(-1)).toEqual(["alice", "ok"]);
  });

  it("follows a ratchet of the far side, on all its tracks", async () => {
    const alice = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "alice" });
    const bob = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "bob" });
    alice.manager.addLocalTrack("TR_1", sender);
    bob.manager.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    const [again, other] = secondTrack();
    alice.manager.addLocalTrack("TR_2", again);
    bob.manager.addRemoteTrack("alice", "TR_2", "gcm", other);
    sender.setProducer(source);
    again.setProducer(source);
    play();
    await alice.manager.keyProvider?.ratchetSharedKey();
    await alice.manager.keyProvider?.ratchetSharedKey();
    play();
    expect(bob.states.at(-1)).toEqual(["alice", "decryptionFailed"]);
    const ring = bob.manager.keyProvider!.ring("alice");
    await expect.poll(() => ring.successors(0).length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(play()).toBeGreaterThan(0.9);
    sink.bind(other);
    expect(play()).toBeGreaterThan(0.9);
    expect(bob.states.map(([, state]) => state)).toContain("keyRatcheted");
    expect(bob.manager.frameCryptors().map(({ state }) => state)).toEqual(["ok", "ok"]);
    expect(bob.manager.keyProvider?.exportKey("alice")).toEqual(alice.manager.keyProvider?.exportSharedKey());
  });

  it("changes keys by index without a gap", async () => {
    const keyProvider = await provider("one");
    const alice = room({ encryption: { keyProvider }, localIdentity: () => "alice" });
    const bob = room({ encryption: { keyProvider }, localIdentity: () => "bob" });
    alice.manager.addLocalTrack("TR_1", sender);
    bob.manager.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    sender.setProducer(source);
    play();
    await keyProvider.setSharedKey("two", 7);
    const [cryptor] = alice.manager.frameCryptors();
    expect(cryptor?.keyIndex).toBe(0);
    cryptor?.setKeyIndex(7);
    expect(play()).toBeGreaterThan(0.9);
    expect(cryptor?.keyIndex).toBe(7);
    expect(bob.states).toEqual([["alice", "ok"]]);
    expect(() => cryptor?.setKeyIndex(16)).toThrow();
  });

  it("lists its cryptors, and turns one or all of them off and on", async () => {
    const keyProvider = await provider("one");
    const alice = room({ encryption: { keyProvider }, localIdentity: () => "alice" });
    alice.manager.addLocalTrack("TR_1", sender);
    sender.setProducer(source);
    // Nobody decrypts here: what is heard was sent in clear.
    expect(play()).toBeLessThan(0.5);
    const [cryptor] = alice.manager.frameCryptors();
    expect(cryptor).toMatchObject({ participantIdentity: "alice", trackSid: "TR_1", enabled: true });
    cryptor?.setEnabled(false);
    expect(play()).toBeGreaterThan(0.9);
    alice.manager.setEnabled(true);
    expect(cryptor?.enabled).toBe(true);
    alice.manager.setEnabled(false);
    expect([alice.manager.enabled, cryptor?.enabled]).toEqual([false, false]);
    alice.manager.removeTrack("TR_1");
    expect(alice.manager.frameCryptors()).toEqual([]);
  });

  it("keeps a track of ours encrypted to its last frame, whatever ends first", async () => {
    const alice = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "alice" });
    alice.manager.addLocalTrack("TR_1", sender);
    sender.setProducer(source);
    alice.manager.removeTrack("TR_1");
    expect(play()).toBeLessThan(0.5);
    alice.manager.addLocalTrack("TR_1", sender);
    alice.manager.close();
    expect(play()).toBeLessThan(0.5);
  });

  it("lets go of the keys of those whose tracks have ended", async () => {
    const keyProvider = await provider("one");
    const bob = room({ encryption: { keyProvider }, localIdentity: () => "bob" }).manager;
    bob.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    bob.addRemoteTrack("alice", "TR_1", "gcm", receiver);
    bob.addLocalTrack("TR_2", sender);
    expect(keyProvider.participantIdentities).toEqual(["alice", "bob"]);
    bob.removeTrack("TR_1");
    expect(keyProvider.participantIdentities).toEqual(["bob"]);
    bob.removeTracks();
    expect([bob.frameCryptors(), keyProvider.participantIdentities]).toEqual([[], []]);
  });

  it("leaves tracks alone that are not encrypted, and rooms without encryption", async () => {
    const bob = room({ encryption: { keyProvider: await provider("one") }, localIdentity: () => "bob" });
    bob.manager.addRemoteTrack("alice", "TR_1", "none", receiver);
    const plain = room({ localIdentity: () => "alice" });
    plain.manager.addLocalTrack("TR_1", sender);
    sender.setProducer(source);
    expect(play()).toBeGreaterThan(0.9);
    expect(bob.manager.frameCryptors()).toEqual([]);
    plain.manager.setEnabled(true);
    expect([plain.manager.enabled, plain.manager.encryptionType]).toEqual([false, "none"]);
    expect(plain.manager.dataEncryption).toBeUndefined();
  });

  it("covers data with `encryption`, and audio alone with `e2ee`", async () => {
    const keyProvider = await provider("one");
    const both = room({ encryption: { keyProvider }, localIdentity: () => "bot" }).manager;
    const audio = room({ e2ee: { keyProvider }, localIdentity: () => "bot" }).manager;
    expect([both.encryptionType, audio.encryptionType]).toEqual(["gcm", "gcm"]);
    expect([both.dataEncryption?.isEnabled, audio.dataEncryption?.isEnabled]).toEqual([true, false]);
    // What arrives encrypted is decrypted in any case.
    const data = both.dataEncryption!.encrypt(Uint8Array.of(1, 2));
    expect([...audio.dataEncryption!.decrypt(data, "bot")!]).toEqual([1, 2]);
    both.setEnabled(false);
    expect(both.dataEncryption?.isEnabled).toBe(false);
  });
});
