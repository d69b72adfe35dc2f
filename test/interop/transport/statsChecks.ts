import { type NameRow, readTable } from "../../docs/referenceTable.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { Case } from "./Case.ts";
import type { Implementation, StatsObject } from "./Counterpart.ts";
import { echoes, until } from "./Ours.ts";

/** How far the counts of both ends may be apart. */
const ALLOWED = { packetsSent: 8, packetsReceived: 8, bytesSent: 5000, bytesReceived: 5000 };
const MESSAGE_BYTES = 60_000;
const PAGE = "docs/statistics.md";
const rows = [
  ...readTable(PAGE),
  ...readTable(PAGE, "Names of streams"),
  ...readTable(PAGE, "What Chromium has besides"),
];

/** Both ends of one connection tell of it, ours by our names and theirs by Chromium's. */
export async function statsChecks(checks: Checks, implementation: Implementation): Promise<void> {
  const one = await Case.connect(implementation, { offerer: "theirs" });
  const { name } = implementation;
  try {
    await one.ours.hearsTone();
    await echoes(one.ours.open("counted"), "grüße");
    await echoes(one.ours.channels.get("counted")!, new Uint8Array(MESSAGE_BYTES));
    await checks.check(`${name}: every statistic that it has is in our tables`, async () => {
      await until("a round trip is known", () => "currentRoundTripTime" in pairOf(ours(one)));
      await until("they have heard of our stream", async () =>
        (await theirs(one)).some(({ type }) => type === "remote-inbound-rtp"),
      );
      const told = await theirs(one);
      const strange = namesOf(told).filter((member) => !rowOf(member));
      expect(strange.length === 0, `not in ${PAGE}: ${strange.join(" ")}`);
      const given = namesOf(ours(one));
      const wrong = given.filter((member) => !rowOf(member)?.here.startsWith("yes"));
      expect(wrong.length === 0, `ours, and not said to be: ${wrong.join(" ")}`);
      const always = rows.filter(({ here }) => /^yes($|:|, ours)/.test(here)).map((row) => row.name);
      const missing = always.filter((member) => !given.includes(member));
      expect(missing.length === 0, `said to be given, and not there: ${missing.join(" ")}`);
      return `${namesOf(told).length} names of theirs, ${given.length} of ours`;
    });
    await checks.check(`${name}: its statistics and ours say the same`, async () => {
      await until("the same path", async () => samePath(ours(one), await theirs(one)));
      sameTransport(ours(one), await theirs(one));
      sameChannel(ours(one), await theirs(one));
      await mirrored(one, (stats) => find(stats, "transport"));
      await mirrored(one, pairOf);
      const streamsSent = (stats: StatsObject[]) => find(stats, "outbound-rtp");
      const streamsReceived = (stats: StatsObject[]) => find(stats, "inbound-rtp");
      for (const [sent, received] of [
        [streamsSent(ours(one)), streamsReceived(await theirs(one))],
        [streamsSent(await theirs(one)), streamsReceived(ours(one))],
      ]) {
        same("ssrc", sent!.ssrc, received!.ssrc);
      }
      const { timestamp, lastPacketReceivedTimestamp: last } = streamsReceived(ours(one));
      expect(Math.abs(Number(timestamp) - Number(last)) < 60_000, `the last packet came at ${last}`);
      const { currentRoundTripTime: near, responsesReceived, totalRoundTripTime } = pairOf(ours(one));
      const mean = (1000 * Number(totalRoundTripTime)) / Number(responsesReceived);
      return `round trip ${(1000 * Number(near)).toFixed(1)} ms, mean ${mean.toFixed(1)} ms of ${responsesReceived}`;
    });
  } finally {
    await one.close();
  }
}

function ours(one: Case): StatsObject[] {
  return one.ours.stats.map((object) => ({ ...object }));
}

function theirs(one: Case): Promise<StatsObject[]> {
  return one.theirs.stats!();
}

function find(stats: StatsObject[], type: string): StatsObject {
  return stats.find((object) => object.type === type) ?? {};
}

function byId(stats: StatsObject[], id: unknown): StatsObject {
  return stats.find((object) => object.id === id) ?? {};
}

function pairOf(stats: StatsObject[]): StatsObject {
  return byId(stats, find(stats, "transport").selectedCandidatePairId);
}

/** `type.member` of everything in a report, each once, as the tables have them. */
function namesOf(stats: StatsObject[]): string[] {
  const names = stats.flatMap(({ id: _, type, timestamp: __, ...members }) =>
    Object.keys(members).map(
      (member) => `${`${type}`.replace(/^(local|remote)-candidate$/, "candidate")}.${member}`,
    ),
  );
  return [...new Set(names)].toSorted();
}

/** Of the member, or of its whole type. */
function rowOf(member: string): NameRow | undefined {
  return rows.find(({ name }) => name === member) ?? rows.find(({ name }) => name === member.split(".")[0]);
}

function same(what: string, near: unknown, far: unknown): void {
  expect(near !== undefined && near === far, `${what}: ours has ${near}, theirs ${far}`);
}

function samePath(near: StatsObject[], far: StatsObject[]): boolean {
  const place = (stats: StatsObject[], side: "local" | "remote") => {
    const { address, port } = byId(stats, pairOf(stats)[`${side}CandidateId`]);
    return `${address} ${port}`;
  };
  return place(near, "local") === place(far, "remote") && place(near, "remote") === place(far, "local");
}

function sameTransport(near: StatsObject[], far: StatsObject[]): void {
  const [here, there] = [find(near, "transport"), find(far, "transport")];
  for (const name of ["dtlsCipher", "srtpCipher", "tlsVersion", "dtlsState", "iceState"]) {
    same(name, here[name], there[name]);
  }
  for (const name of ["dtlsRole", "iceRole"]) {
    expect(here[name] !== there[name], `${name}: both are ${here[name]}`);
  }
  const certificate = (stats: StatsObject[], side: string) => {
    const { fingerprint, base64Certificate } = byId(stats, find(stats, "transport")[`${side}CertificateId`]);
    return `${fingerprint} ${base64Certificate}`;
  };
  same("our certificate", certificate(near, "local"), certificate(far, "remote"));
  same("their certificate", certificate(near, "remote"), certificate(far, "local"));
  const fragment = (stats: StatsObject[]) => find(stats, "transport").iceLocalUsernameFragment;
  const remote = (stats: StatsObject[]) => byId(stats, pairOf(stats).remoteCandidateId).usernameFragment;
  same("our username fragment", fragment(near), remote(far));
  same("their username fragment", fragment(far), remote(near));
  const [codec, theirCodec] = [find(near, "codec"), find(far, "codec")];
  for (const name of ["payloadType", "mimeType", "clockRate", "channels"]) {
    same(`codec.${name}`, codec[name], theirCodec[name]);
  }
}

function sameChannel(near: StatsObject[], far: StatsObject[]): void {
  const of = (stats: StatsObject[]) => stats.find(({ label }) => label === "counted") ?? {};
  const [here, there] = [of(near), of(far)];
  for (const name of ["dataChannelIdentifier", "protocol", "state"]) same(name, here[name], there[name]);
  for (const what of ["messages", "bytes"]) {
    same(`${what} to them`, here[`${what}Sent`], there[`${what}Received`]);
    same(`${what} to us`, here[`${what}Received`], there[`${what}Sent`]);
  }
  same("bytes to them", here.bytesSent, MESSAGE_BYTES + 7);
}

/**
 * What one end sent the other received, but for what was on its way, and what came before the path was known here.
 */
async function mirrored(one: Case, of: (stats: StatsObject[]) => StatsObject): Promise<void> {
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const other = name.replace(/Sent|Received/, (word) => (word === "Sent" ? "Received" : "Sent"));
    await until(`${name} of ours is ${other} of theirs`, async () => {
      const far = Number(of(await theirs(one))[other]);
      return Math.abs(far - Number(of(ours(one))[name])) <= allowed;
    });
  }
}
