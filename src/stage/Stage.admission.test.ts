import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { Stage, type StageOptions } from "./Stage.ts";
import { TestSocket } from "./testing/request.ts";
import { ScriptedMember } from "./testing/ScriptedMember.ts";

const SECRET = "a secret of the tests";
let stage: Stage | undefined;
const members: ScriptedMember[] = [];
const servers: Server[] = [];

async function start(options: StageOptions): Promise<Stage> {
  stage = await Stage.start(options);
  return stage;
}

async function join(connect: Record<string, unknown> = {}): Promise<ScriptedMember> {
  const member = await ScriptedMember.join(stage!.signalingUrl, connect);
  members.push(member);
  return member;
}

/** How the stage turns a client away. */
async function refusal(connect: Record<string, unknown> = {}): Promise<{ code: number; reason: string }> {
  const socket = await new TestSocket(stage!.signalingUrl).opened();
  socket.send({ type: "connect", role: "recvonly", channel_id: "lobby", ...connect });
  return socket.closed;
}

afterEach(async () => {
  for (const member of members.splice(0)) member.close();
  await stage?.close();
  for (const server of servers.splice(0)) server.close();
});

function token(claims: Record<string, unknown>, expires = "1h", secret = SECRET): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret));
}

describe("an access token", () => {
  it("lets its holder in, and sets what is sent", async () => {
    await start({ accessTokenSecret: SECRET });
    const access_token = await token({ channel_id: "lobby", audio_bit_rate: 24 });
    const { offer } = await join({
      metadata: { access_token },
      audio: { bit_rate: 64, opus_params: { ptime: 40 } },
    });
    expect(offer.sdp).toMatch(/^a=fmtp:111 .*maxaveragebitrate=24000/m);
    expect(offer.sdp).toMatch(/^a=fmtp:111 .*ptime=40/m);
    const silent = await token({ channel_id: "lobby", audio: false });
    expect((await join({ metadata: { access_token: silent } })).offer.mid).toEqual({});
  });

  it.each<[string, () => Promise<unknown> | unknown, string]>([
    ["is missing", () => undefined, "MISSING-ACCESS-TOKEN"],
    ["is no text", () => 5, "MISSING-ACCESS-TOKEN"],
    ["is no token", () => "a.b.c", "INVALID-ACCESS-TOKEN"],
    ["is too long", () => "a".repeat(9000), "MISSING-ACCESS-TOKEN"],
    ["has expired", () => token({ channel_id: "lobby" }, "-1s"), "EXPIRED-ACCESS-TOKEN"],
    [
      "never expires",
      () =>
        new SignJWT({ channel_id: "lobby" })
          .setProtectedHeader({ alg: "HS256" })
          .sign(new TextEncoder().encode(SECRET)),
      "INVALID-ACCESS-TOKEN",
    ],
    ["is for another channel", () => token({ channel_id: "attic" }), "INVALID-CHANNEL-ID"],
    [
      "is signed by another",
      () => token({ channel_id: "lobby" }, "1h", "another secret"),
      "INVALID-ACCESS-TOKEN",
    ],
    [
      "has a claim of the wrong kind",
      () => token({ channel_id: "lobby", audio: "yes" }),
      "INVALID-ACCESS-TOKEN audio",
    ],
  ])("that %s keeps its holder out", async (_, make, reason) => {
    await start({ accessTokenSecret: SECRET });
    expect(await refusal({ metadata: { access_token: await make() } })).toEqual({ code: 4490, reason });
  });

  it("with the algorithm none is refused", async () => {
    await start({ accessTokenSecret: SECRET });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const access_token = `${part({ alg: "none" })}.${part({ channel_id: "lobby", exp: 4e9 })}.`;
    expect(await refusal({ metadata: { access_token } })).toMatchObject({ reason: "INVALID-ACCESS-TOKEN" });
  });
});

/** A web server that answers with what `answer` gives for each JSON body. */
async function startWebhook(answer: (body: Record<string, unknown>) => unknown) {
  const bodies: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    bodies.push(JSON.parse(text));
    for (const wake of waiting.splice(0)) wake();
    const given = answer(bodies.at(-1)!);
    response.statusCode = typeof given === "number" ? given : 200;
    response.end(typeof given === "string" ? given : JSON.stringify(given));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const until = async (count: number) => {
    while (bodies.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { bodies, until, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

describe("an authentication webhook", () => {
  it("is asked who may come in, and sets what is sent", async () => {
    const hook = await startWebhook(() => ({ allowed: true, metadata: { seat: 1 }, audio_bit_rate: 16 }));
    await start({ authenticationWebhookUrl: hook.url });
    const { offer } = await join({ client_id: "ann", metadata: { token: 1 } });
    expect(offer).toMatchObject({
      metadata: { seat: 1 },
      sdp: expect.stringMatching(/maxaveragebitrate=16000/),
    });
    expect(hook.bodies).toEqual([
      {
        timestamp: expect.any(String),
        channel_id: "lobby",
        client_id: "ann",
        connection_id: offer.connection_id,
        bundle_id: offer.connection_id,
        role: "sendrecv",
        auth_metadata: { token: 1 },
      },
    ]);
  });

  it.each<[string, unknown, string]>([
    ["says no, with a reason", { allowed: false, reason: "FULL-HOUSE" }, "FULL-HOUSE"],
    ["says no", { allowed: false }, "AUTHENTICATION-FAILED"],
    ["says nothing of the kind", { ok: true }, "AUTHENTICATION-FAILED"],
    ["talks nonsense", "{", "AUTHENTICATION-FAILED"],
    ["talks without end", `"${"x".repeat(70_000)}"`, "AUTHENTICATION-FAILED"],
    ["fails", 500, "AUTHENTICATION-FAILED"],
  ])("that %s keeps the client out", async (_, answer, reason) => {
    const hook = await startWebhook(() => answer);
    await start({ authenticationWebhookUrl: hook.url });
    expect(await refusal()).toEqual({ code: 4490, reason });
  });

  it("that is not there keeps the client out", async () => {
    await start({ authenticationWebhookUrl: "http://127.0.0.1:9/none" });
    expect(await refusal()).toEqual({ code: 4490, reason: "AUTHENTICATION-FAILED" });
  });
});

describe("an event webhook", () => {
  it("is told who comes and goes, once for each, in order", async () => {
    const hook = await startWebhook(() => ({}));
    await start({ eventWebhookUrl: hook.url });
    const ann = await join({ client_id: "ann" });
    await join({ client_id: "ben" });
    ann.socket.send({ type: "disconnect", reason: "NO-ERROR" });
    await hook.until(3);
    expect(
      hook.bodies.map(({ type, client_id, channel_connections: count }) => [type, client_id, count]),
    ).toEqual([
      ["connection.created", "ann", 1],
      ["connection.created", "ben", 2],
      ["connection.destroyed", "ann", 1],
    ]);
  });

  it("that fails disturbs nobody", async () => {
    const hook = await startWebhook(() => 500);
    await start({ eventWebhookUrl: hook.url });
    await join();
    await join();
    await hook.until(2);
  });
});

describe("a filter on what is forwarded", () => {
  it("keeps a stream out that was not wanted, and lets others in", async () => {
    await start({});
    const rules = [[{ field: "client_id", operator: "is_in", values: ["ben"] }]];
    await join({ client_id: "ben" });
    const cem = await join({ client_id: "cem" });
    const ann = await join({ role: "recvonly", forwarding_filters: [{ action: "block", rules }] });
    await ann.until(() => ann.tracks.length > 0);
    expect(ann.tracks.map(({ streamId }) => streamId)).toEqual([cem.connectionId]);
  });
});
