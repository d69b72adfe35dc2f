import { afterEach, beforeEach, expect, it } from "vitest";
import { FeedPublisher } from "./FeedPublisher.ts";
import { Stage } from "./Stage.ts";
import { send, TestSocket } from "./testing/request.ts";

let stage: Stage;
let page: TestSocket;

async function openPage(): Promise<TestSocket> {
  const { headers } = await send(stage.newPageUrl()!);
  const cookie = String(headers["set-cookie"]).split(";")[0]!;
  return new TestSocket(`${new URL(stage.feedUrl).origin}/feed`, { cookie }).opened();
}

beforeEach(async () => {
  stage = await Stage.start();
  page = await openPage();
});

afterEach(async () => {
  page.close();
  await stage.close();
});

it("brings what a bot reports to an open page", async () => {
  const publisher = new FeedPublisher(stage.feedUrl);
  publisher.publish({ id: "connection-1", machine: "connection", state: "connecting.dialing", at: 1 });
  publisher.publish({ type: "transcript", who: "bot", text: "Good morning", final: true, at: 2 });
  publisher.publish({ type: "level", who: "bot", rms: -23 });
  expect(await page.next({ type: "actor" })).toMatchObject({
    id: "connection-1",
    state: "connecting.dialing",
  });
  expect(await page.next({ type: "transcript" })).toMatchObject({ text: "Good morning" });
  expect(await page.next({ type: "level" })).toMatchObject({ rms: -23 });
  publisher.close();
  expect(await page.next({ type: "actor" })).toMatchObject({ id: "connection-1", state: "stopped" });
});

it("tells a page that opens later what is known", async () => {
  stage.publish({ id: "sink-1", machine: "sink", state: "waiting", at: 1 });
  stage.publish({ id: "sink-1", machine: "sink", state: "flowing", at: 2 });
  stage.publish({ id: "sink-2", machine: "sink", state: "stopped", at: 2 });
  stage.publish({ type: "transcript", who: "caller", text: "Hel", final: false, at: 3 });
  stage.publish({ type: "transcript", who: "caller", text: "Hello", final: true, at: 4 });
  const later = await openPage();
  expect(await later.next({ type: "snapshot" })).toEqual({
    type: "snapshot",
    actors: [{ type: "actor", source: 0, id: "sink-1", machine: "sink", state: "flowing", at: 2 }],
    transcript: [{ type: "transcript", source: 0, who: "caller", text: "Hello", final: true, at: 4 }],
    tracks: [],
  });
  later.close();
});

it("ignores what it does not understand, from a bot and from a page", async () => {
  const bot = await new TestSocket(stage.feedUrl).opened();
  for (const text of ["{", "7", "{}", '{"type":"level"}', '{"id":"x","machine":"y","state":3,"at":0}'])
    bot.send(text);
  page.send({ id: "forged", machine: "sink", state: "flowing", at: 1 });
  bot.send({ id: "real", machine: "sink", state: "flowing", at: 1 });
  expect(await page.next({ type: "actor" })).toMatchObject({ id: "real" });
  bot.close();
  expect(() => stage.publish({ type: "level", who: "x" } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_MESSAGE" }),
  );
});

it("keeps the newest 500 actors", async () => {
  for (let count = 0; count < 510; count++)
    stage.publish({ id: `a${count}`, machine: "sink", state: "x", at: count });
  const later = await openPage();
  const { actors } = (await later.next({ type: "snapshot" })) as { actors: { id: string }[] };
  expect(actors).toHaveLength(500);
  expect(actors.at(-1)?.id).toBe("a509");
  later.close();
});
