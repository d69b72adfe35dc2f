import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeEcdsaCertificate } from "../../test/fixtures/certificate.ts";
import { Stage } from "./Stage.ts";
import { send, TestSocket, upgradeStatus } from "./testing/request.ts";

let stage: Stage;
let origin: string;

beforeEach(async () => {
  stage = await Stage.start();
  origin = new URL(stage.apiUrl).origin;
});

afterEach(() => stage.close());

async function openPage(): Promise<string> {
  const { headers } = await send(stage.newPageUrl()!);
  return String(headers["set-cookie"]).split(";")[0]!;
}

describe("the page", () => {
  it("opens once by its token, and then for the same browser only", async () => {
    const url = stage.pageUrl!;
    const first = await send(url);
    expect(first.status).toBe(200);
    expect(first.headers["set-cookie"]?.[0]).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await send(url)).status).toBe(403);
    const cookie = String(first.headers["set-cookie"]).split(";")[0]!;
    expect((await send(`${origin}/?channel=lobby`, { headers: { cookie } })).status).toBe(200);
    expect((await send(`${origin}/page.js`, { headers: { cookie } })).headers["content-type"]).toMatch(
      /javascript/,
    );
  });

  it("is refused without a token, and its files too", async () => {
    for (const path of ["/", "/?token=", "/?token=WRONG", "/page.js", "/page.css"]) {
      expect((await send(origin + path)).status, path).toBe(403);
    }
  });

  it("lets no path out of its folder", async () => {
    const cookie = await openPage();
    for (const path of ["/../package.json", "/..%2fStage.ts", "//etc/passwd", "/%", "/\\..\\x"]) {
      const { status } = await send(origin, { path, headers: { cookie } });
      expect(status, path).toBe(404);
    }
  });

  it("runs no script but its own and stands in no frame", async () => {
    const { headers } = await send(stage.pageUrl!);
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
  });
});

describe("a web page of another origin", () => {
  const headers = { origin: "https://evil.example" };

  it("is refused everywhere", async () => {
    expect(await upgradeStatus(stage.signalingUrl, headers)).toBe(403);
    expect(await upgradeStatus(stage.feedUrl, headers)).toBe(403);
    expect((await send(stage.apiUrl, { method: "POST", headers })).status).toBe(403);
    expect((await send(stage.pageUrl!, { headers })).status).toBe(403);
  });

  it("comes in when its origin was allowed by name", async () => {
    await using other = await Stage.start({ allowedOrigins: ["https://friend.example"] });
    expect(await upgradeStatus(other.signalingUrl, { origin: "https://friend.example" })).toBe(101);
    expect(await upgradeStatus(other.signalingUrl, headers)).toBe(403);
  });
});

describe("a wrong Host", () => {
  const headers = { host: "evil.example" };

  it("is refused everywhere, even with the Origin to match", async () => {
    expect(await upgradeStatus(stage.signalingUrl, headers)).toBe(403);
    expect(await upgradeStatus(stage.signalingUrl, { ...headers, origin: "http://evil.example" })).toBe(403);
    expect((await send(stage.apiUrl, { method: "POST", headers })).status).toBe(403);
    expect((await send(stage.pageUrl!, { headers })).status).toBe(403);
  });
});

describe("a missing token", () => {
  it("keeps browsers from signalling and the API, and everybody from the feed", async () => {
    expect(await upgradeStatus(stage.signalingUrl, { origin })).toBe(403);
    const call = { method: "POST", headers: { origin, "x-sora-target": "Troupe_20261121.CreatePageUrl" } };
    expect((await send(stage.apiUrl, call)).status).toBe(403);
    const feed = `${origin.replace("http", "ws")}/feed`;
    expect(await upgradeStatus(feed)).toBe(403);
    expect(await upgradeStatus(`${feed}?token=WRONG`)).toBe(403);
  });

  it("is no matter for a browser that opened the page", async () => {
    const cookie = await openPage();
    expect(await upgradeStatus(stage.signalingUrl, { origin, cookie })).toBe(101);
    const call = {
      method: "POST",
      headers: { origin, cookie, "x-sora-target": "Sora_20201013.ListConnections" },
    };
    expect((await send(stage.apiUrl, call)).status).toBe(200);
    expect(await upgradeStatus(`${origin.replace("http", "ws")}/feed`, { origin, cookie })).toBe(101);
  });
});

describe("an address that others reach", () => {
  it("needs a secret", async () => {
    await expect(Stage.start({ host: "0.0.0.0" })).rejects.toMatchObject({
      code: "ACCESS_DENIED",
      field: "secret",
    });
  });

  it("has no page without TLS", async () => {
    await using open = await Stage.start({ host: "0.0.0.0", secret: "a long secret" });
    expect(open.pageUrl).toBeUndefined();
    const reply = await send(`${new URL(open.apiUrl).origin}/`);
    expect(reply.status).toBe(403);
    expect(reply.text).toMatch(/TLS/);
  });
});

describe("a secret", () => {
  it("is asked of clients and of callers of the API", async () => {
    await using guarded = await Stage.start({ secret: "a long secret" });
    const call = (headers: Record<string, string>) =>
      send(guarded.apiUrl, {
        method: "POST",
        headers: { "x-sora-target": "Sora_20201013.ListConnections", ...headers },
      });
    expect((await call({})).status).toBe(403);
    expect((await call({ authorization: "Bearer a wrong secret" })).status).toBe(403);
    expect(await call({ authorization: "Bearer a long secret" })).toMatchObject({ status: 200, text: "[]" });
    for (const metadata of [
      undefined,
      "a long secret",
      { access_token: "wrong" },
      { access_token: ["a long secret"] },
    ]) {
      const client = await new TestSocket(guarded.signalingUrl).opened();
      client.send({ type: "connect", role: "recvonly", channel_id: "lobby", metadata });
      expect(await client.closed).toEqual({ code: 4490, reason: "AUTHENTICATION-FAILED" });
    }
  });
});

describe("authenticate", () => {
  it("sees who asks and refuses with its reason", async () => {
    const seen: unknown[] = [];
    await using guarded = await Stage.start({
      authenticate: async (request) => {
        seen.push(request.channelId, request.role, request.clientId, request.metadata);
        return { allowed: false, reason: "NOT-INVITED" };
      },
    });
    const client = await new TestSocket(guarded.signalingUrl).opened();
    client.send({
      type: "connect",
      role: "sendonly",
      channel_id: "lobby",
      client_id: "ann",
      metadata: { seat: 3 },
    });
    expect(await client.closed).toEqual({ code: 4490, reason: "NOT-INVITED" });
    expect(seen).toEqual(["lobby", "sendonly", "ann", { seat: 3 }]);
  });

  it("may give a reason of any length, in any script", async () => {
    await using guarded = await Stage.start({
      authenticate: () => ({ allowed: false, reason: "招待されていません".repeat(20) }),
    });
    const client = await new TestSocket(guarded.signalingUrl).opened();
    client.send({ type: "connect", role: "sendonly", channel_id: "lobby" });
    // 123 bytes are 41 characters of three.
    expect(await client.closed).toEqual({ code: 4490, reason: "招待されていません".repeat(5).slice(0, 41) });
  });

  it("refuses when it throws or takes too long", async () => {
    for (const authenticate of [
      () => Promise.reject(new Error("down")),
      () => new Promise<boolean>(() => {}),
    ]) {
      await using guarded = await Stage.start({ authenticate, limits: { handshakeMs: 100 } });
      const client = await new TestSocket(guarded.signalingUrl).opened();
      client.send({ type: "connect", role: "sendonly", channel_id: "lobby" });
      expect(await client.closed).toEqual({ code: 4490, reason: "AUTHENTICATION-FAILED" });
    }
  });
});

describe("options", () => {
  it.each([
    [{ port: -1 }, "options.port"],
    [{ port: "80" }, "options.port"],
    [{ secret: "short" }, "options.secret"],
    [{ limits: { connections: 0 } }, "options.limits.connections"],
    [{ authenticate: true }, "options.authenticate"],
    [{ tls: { cert: "cert.pem", key: "key.pem" } }, "options.tls.cert"],
  ])("says what is wrong with %j", async (options, field) => {
    await expect(Stage.start(options as object)).rejects.toMatchObject({ code: "INVALID_OPTION", field });
  });

  it("says what is wrong with the key of a certificate", async () => {
    const { certificate: cert } = makeEcdsaCertificate();
    for (const key of [undefined, "key.pem", cert])
      await expect(Stage.start({ tls: { cert, key } } as object)).rejects.toMatchObject({
        code: "INVALID_OPTION",
        field: "options.tls.key",
      });
  });

  it("says when the port is taken", async () => {
    const port = Number(new URL(stage.apiUrl).port);
    await expect(Stage.start({ port })).rejects.toMatchObject({ code: "SIGNALLING_FAILED" });
  });
});
