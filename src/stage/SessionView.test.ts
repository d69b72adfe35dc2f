import { afterEach, beforeEach, expect, it } from "vitest";
import { TypedEvents } from "../core/index.ts";
import { AudioSource } from "../media/index.ts";
import { FeedPublisher } from "./FeedPublisher.ts";
import { SessionView, type ShownTrack } from "./SessionView.ts";
import { Stage } from "./Stage.ts";
import { send, TestSocket } from "./testing/request.ts";

const SAMPLE_RATE = 24_000;
/** 100 ms of 440 Hz at a quarter of full scale: -15 dBov. */
const PIECE = Int16Array.from({ length: SAMPLE_RATE / 10 }, (_, at) =>
  Math.round(8_192 * Math.sin((2 * Math.PI * 440 * at) / SAMPLE_RATE)),
);

/** A track of no transport: a source that somebody else seems to play. */
class FakeTrack extends TypedEvents<{ state: [state: string] }> implements ShownTrack {
  readonly kind = "audio";
  readonly source = new AudioSource({ sampleRate: SAMPLE_RATE });
  readonly producerEvents = this.source.producerEvents;
  readonly key: string;
  readonly senderId: string;
  state = "live";

  constructor(key: string, senderId: string) {
    super();
    this.key = key;
    this.senderId = senderId;
  }

  get producer() {
    return this.source.producer;
  }

  addConsumer(): () => void {
    return this.source.addConsumer();
  }

  move(state: string): void {
    this.state = state;
    this.emit("state", state);
  }

  /** Sounds until the source is closed. */
  sound(): void {
    const feed = async () => {
      for (;;) await this.source.write(PIECE);
    };
    feed().catch(() => {});
  }
}

class FakeSession extends TypedEvents<{ track: [track: FakeTrack]; trackRemoved: [track: FakeTrack] }> {
  readonly tracks: FakeTrack[] = [];
  readonly over = Promise.withResolvers<void>();

  disconnected(): Promise<void> {
    return this.over.promise;
  }
}

let stage: Stage;
let page: TestSocket;
let feed: FeedPublisher;
let session: FakeSession;
let view: SessionView;
let tracks: FakeTrack[];

async function openPage(): Promise<TestSocket> {
  const { headers } = await send(stage.newPageUrl()!);
  const cookie = String(headers["set-cookie"]).split(";")[0]!;
  return new TestSocket(`${new URL(stage.feedUrl).origin}/feed`, { cookie }).opened();
}

beforeEach(async () => {
  stage = await Stage.start();
  page = await openPage();
  feed = new FeedPublisher(stage.feedUrl);
  session = new FakeSession();
  tracks = [new FakeTrack("alice/mic", "alice"), new FakeTrack("bob/mic", "bob")];
  session.tracks.push(tracks[0]!);
  view = new SessionView(session, feed, "lobby");
});

afterEach(async () => {
  view.close();
  feed.close();
  page.close();
  for (const { source } of tracks) source.close();
  await stage.close();
});

it("shows the tracks that there are and those that come, their states, and that they end", async () => {
  const first = await page.next({ type: "track" });
  expect(first).toMatchObject({ session: "lobby", who: "alice", state: "live" });
  session.emit("track", tracks[1]!);
  const second = await page.next({ type: "track", who: "bob" });
  tracks[1]!.move("stalled");
  expect(await page.next({ type: "track", who: "bob" })).toMatchObject({ state: "stalled" });
  const later = await openPage();
  expect(await later.next({ type: "snapshot" })).toMatchObject({
    tracks: [first, { ...second, state: "stalled" }],
  });
  later.close();
  session.emit("trackRemoved", tracks[1]!);
  expect(await page.next({ type: "track", who: "bob" })).toMatchObject({ state: "ended" });
  session.over.resolve();
  expect(await page.next({ type: "track", who: "alice" })).toMatchObject({ state: "ended" });
});

it("tells how loud a track is, and brings its audio to the page that listens, while it does", async () => {
  const other = await openPage();
  const { source, track } = await page.next({ type: "track" });
  page.send({ type: "listen", source, track, on: true });
  tracks[0]!.sound();
  let level = -127;
  while (level < -20) level = (await page.next({ type: "level", track })).rms as number;
  expect(level).toBeGreaterThan(-17);
  expect(level).toBeLessThan(-13);
  let peak = 0;
  while (peak < 8_000) {
    const { pcm, sampleRate } = await page.next({ type: "audio", track });
    expect(sampleRate).toBe(SAMPLE_RATE);
    const samples = new Int16Array(Uint8Array.from(Buffer.from(pcm as string, "base64")).buffer);
    expect(samples).toHaveLength(SAMPLE_RATE / 10);
    peak = Math.max(...samples);
  }
  page.send({ type: "listen", source, track, on: false });
  const stopped = Promise.withResolvers<void>();
  feed.events.on("listen", (_track, on) => !on && stopped.resolve());
  await stopped.promise;
  // What was on its way comes before the word of another track.
  feed.publish({ type: "track", track: "marker", session: "s", who: "w", state: "live" });
  await page.next({ type: "track", track: "marker" });
  page.received.length = 0;
  for (let count = 0; count < 5; count++) await page.next({ type: "level", track });
  expect(page.received.filter((message) => (message as { type: string }).type === "audio")).toEqual([]);
  expect(other.received.some((message) => (message as { type: string }).type === "audio")).toBe(false);
  other.close();
});

it("stops to send audio when the last page that listens is gone", async () => {
  const { source, track } = await page.next({ type: "track" });
  const asked: boolean[] = [];
  const stopped = Promise.withResolvers<void>();
  feed.events.on("listen", (_track, on) => {
    asked.push(on);
    if (!on) stopped.resolve();
  });
  const other = await openPage();
  for (const one of [page, other]) one.send({ type: "listen", source, track, on: true });
  tracks[0]!.sound();
  for (const one of [page, other]) await one.next({ type: "audio", track });
  other.close();
  page.close();
  await stopped.promise;
  expect(asked).toEqual([true, false]);
});

it("lets a page hear four tracks at the most, and none that is not there", async () => {
  const { source, track } = await page.next({ type: "track" });
  const asked: string[] = [];
  feed.events.on("listen", (id) => asked.push(id));
  page.send("{");
  page.send({ type: "listen", source, track: "none", on: true });
  for (let count = 0; count < 5; count++) {
    feed.publish({ type: "track", track: `t${count}`, session: "s", who: "w", state: "live" });
    await page.next({ type: "track", track: `t${count}` });
    page.send({ type: "listen", source, track: `t${count}`, on: true });
  }
  page.send({ type: "listen", source, track: "t0", on: false });
  page.send({ type: "listen", source, track, on: true });
  tracks[0]!.sound();
  await page.next({ type: "audio", track });
  expect(asked).toEqual(["t0", "t1", "t2", "t3", "t0", track]);
});
