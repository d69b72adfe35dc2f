import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { logger } from "../../../core/index.ts";
import { fetchRegions, isCloud, serverUrls } from "./regions.ts";
import { ServerAddresses } from "./ServerAddresses.ts";

const never = new AbortController().signal;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/below`;
}

const listing = (...urls: string[]): RequestListener => {
  return (_request, response) => response.end(JSON.stringify({ regions: urls.map((url) => ({ url })) }));
};

describe("regions", () => {
  it.each([
    ["wss://my-project.livekit.cloud", true],
    ["https://my-project.staging.livekit.run", true],
    ["wss://livekit.cloud.example.com", false],
    ["wss://notlivekit.cloud", false],
    ["ws://127.0.0.1:7880", false],
  ])("%s: %s", (url, expected) => {
    expect(isCloud(new URL(url))).toBe(expected);
  });

  it("are asked for with the token in a header", async () => {
    let asked: unknown;
    const url = await serve((request, response) => {
      asked = [request.url, request.headers.authorization];
      listing("wss://a.example", "https://b.example")(request, response);
    });
    expect(await fetchRegions(url, "secret", never)).toEqual(["wss://a.example", "https://b.example"]);
    expect(asked).toEqual(["/settings/regions", "Bearer secret"]);
  });

  it.each([
    ["no JSON", (_, response) => response.end("{"), "INVALID_MESSAGE"],
    ["another shape", (_, response) => response.end('{"regions":[{"url":7}]}'), "INVALID_MESSAGE"],
    ["too much", (_, response) => response.end("[".repeat(1_000_000)), "INVALID_MESSAGE"],
    ["a refusal", (_, response) => response.writeHead(401).end("no"), "SIGNALLING_FAILED"],
  ] satisfies [string, RequestListener, string][])("are not taken from %s", async (_what, answer, code) => {
    await expect(fetchRegions(await serve(answer), "secret", never)).rejects.toMatchObject({ code });
  });

  it("are those that a server can have, and no more than 32", () => {
    const urls = [
      "file:///etc/passwd",
      "",
      "wss://a.example",
      ...Array.from({ length: 50 }, () => "wss://b.example"),
    ];
    const kept = serverUrls(urls.map((url) => ({ url })));
    expect([kept[0], kept.length]).toEqual(["wss://a.example", 32]);
  });
});

describe("the address to dial", () => {
  it("stays the given one where there are no regions", async () => {
    const addresses = new ServerAddresses("wss://given.example", () => false, logger);
    await addresses.next("token", never);
    expect(addresses.current).toBe("wss://given.example");
  });

  it("goes through the regions, then begins anew", async () => {
    const given = await serve(listing("wss://a.example", "wss://b.example"));
    const addresses = new ServerAddresses(given, () => true, logger);
    const seen: string[] = [];
    for (let tries = 0; tries < 5; tries++) {
      await addresses.next("token", never);
      seen.push(addresses.current);
    }
    expect(seen).toEqual(["wss://a.example", "wss://b.example", given, "wss://a.example", "wss://b.example"]);
  });

  it("stays the given one when the regions are not told", async () => {
    const given = await serve((_request, response) => response.writeHead(500).end());
    const addresses = new ServerAddresses(given, () => true, logger);
    await addresses.next("token", never);
    expect(addresses.current).toBe(given);
  });

  it("is that which the server sends us to, then the others that it named, then the given one", async () => {
    const addresses = new ServerAddresses("wss://given.example", () => false, logger);
    addresses.redirect([{ url: "wss://a.example" }, { url: "wss://b.example" }]);
    const seen = [addresses.current];
    for (let tries = 0; tries < 2; tries++) {
      await addresses.next("token", never);
      seen.push(addresses.current);
    }
    expect(seen).toEqual(["wss://a.example", "wss://b.example", "wss://given.example"]);
    addresses.redirect([]);
    expect(addresses.current).toBe("wss://given.example");
  });
});
