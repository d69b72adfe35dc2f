import type { TransportOptions } from "../../../src/native/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { Case } from "./Case.ts";
import type { Implementation } from "./Counterpart.ts";
import { echoes, Ours, until } from "./Ours.ts";
import { TurnServer } from "./TurnServer.ts";

/** Our relayed path, by coturn in each of its transports, to a counterpart that has host candidates. */
export async function relayChecks(checks: Checks, implementation: Implementation): Promise<void> {
  const server = await TurnServer.start();
  const { username, credential, certificate } = server;
  const urls = {
    "TURN over UDP": `turn:127.0.0.1:${server.port}`,
    "TURN over TCP": `turn:127.0.0.1:${server.port}?transport=tcp`,
    "TURN over TLS": `turns:localhost:${server.tlsPort}`,
  };
  const relayed = (url: string, more: Partial<TransportOptions> = {}): Partial<TransportOptions> => ({
    relayOnly: true,
    iceServers: [{ urls: [url], username, credential }],
    tls: { certificateAuthorities: certificate },
    ...more,
  });
  const { name } = implementation;
  try {
    for (const [what, url] of Object.entries(urls)) {
      for (const offerer of ["ours", "theirs"] as const) {
        await checks.check(`${name}: ${what}, ${offerer === "ours" ? "we" : "they"} offer`, async () => {
          const one = await Case.connect(implementation, { offerer, transport: relayed(url) });
          try {
            expect(candidateType(one.ours) === "relay", `the path is ${candidateType(one.ours)}`);
            await echoes(one.ours.open("relayed"), new Uint8Array(50_000).fill(3));
            return undefined;
          } finally {
            await one.close();
          }
        });
      }
      await checks.check(`${what}: wrong credentials give no candidate, and the session ends`, () =>
        hasNoPath(relayed(url, { iceServers: [{ urls: [url], username, credential: "wrong" }] })),
      );
    }
    await checks.check("TURN over TLS: a certificate that nobody vouches for", async () => {
      const drops = await hasNoPath(relayed(urls["TURN over TLS"], { tls: {} }));
      expect(/relayTls/.test(drops), `drops are ${drops}`);
      return drops;
    });
    await checks.check("TURN over TLS: a certificate for another name", async () => {
      const drops = await hasNoPath(relayed(`turns:127.0.0.2:${server.tlsPort}`));
      expect(/relayTls/.test(drops), `drops are ${drops}`);
      return drops;
    });
    await checks.check(`${name}: the relay dies, loses its allocations and comes back`, async () => {
      const one = await Case.connect(implementation, {
        offerer: "ours",
        transport: relayed(urls["TURN over UDP"]),
      });
      try {
        await echoes(one.ours.open("before"), "before");
        await server.kill();
        await until("ours notices", () => one.ours.transportState === "disconnected", 30_000);
        await server.restart();
        const back = performance.now();
        await one.restart("new-sockets");
        await until("there is a path again", () => one.ours.transportState === "connected");
        const ms = performance.now() - back;
        await echoes(one.ours.channels.get("before")!, "after");
        return `connected again ${ms.toFixed(0)} ms after it came back`;
      } finally {
        await one.close();
      }
    });
  } finally {
    await server.close();
  }
}

/** A relayed session without a relay: it knows so when it has gathered. Gives the transport's drops. */
async function hasNoPath(options: Partial<TransportOptions>): Promise<string> {
  const ours = new Ours("offerer", options);
  try {
    ours.offer();
    await until("it has gathered", () => ours.session.gathered, 30_000);
    expect(!/ typ /.test(ours.offer()), "there is a candidate all the same");
    await until("it says so", () => ours.transportState === "failed");
    return JSON.stringify(ours.session.transport.stats().drops);
  } finally {
    ours.close();
  }
}

function candidateType(ours: Ours): string {
  return String(ours.path.local.candidateType);
}
