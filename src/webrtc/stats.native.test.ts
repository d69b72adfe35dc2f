import { X509Certificate } from "node:crypto";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { readNames, readTable } from "../../test/docs/referenceTable.ts";
import { makeRsaCertificate } from "../../test/fixtures/certificate.ts";
import { type DtlsCertificate, Engine } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import type { TransportChannel } from "./PeerTransport.ts";
import { Session } from "./Session.ts";
import type { StatsReport } from "./stats.ts";

const closers: (() => void)[] = [];
const rows = readTable("docs/statistics.md");

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

afterAll(() => Engine.stop());

function create(role: "offerer" | "answerer", certificate?: DtlsCertificate): Session {
  const options = { controlling: role === "offerer", ...(certificate ? { certificate } : {}) };
  const session = new Session({ transport: new NativePeerTransport(options), role });
  closers.push(() => session.close());
  return session;
}

/** The far end has a certificate of its own, so that the two ends of one process differ. */
async function connectPair(): Promise<[near: Session, far: Session]> {
  const [near, far] = [create("offerer"), create("answerer", makeRsaCertificate())];
  near.addApplication();
  near.addTransceiver({ kind: "audio", direction: "sendrecv" });
  near.acceptAnswer(far.acceptOffer(near.createOffer()));
  await expect.poll(() => [near.transport.state, far.transport.state]).toEqual(["connected", "connected"]);
  return [near, far];
}

async function openPair(near: Session, far: Session, label: string): Promise<TransportChannel[]> {
  const arriving = new Promise<TransportChannel>((resolve) => far.events.once("channel", resolve));
  const channel = near.openChannel(label, { protocol: "chat" });
  return [channel, await arriving];
}

function find<Type extends StatsReport[number]["type"]>(report: StatsReport, type: Type) {
  return report.find((one): one is Extract<StatsReport[number], { type: Type }> => one.type === type)!;
}

/** The table's word for a type. */
function dictionaryOf(type: string): string {
  return type.replace(/^(local|remote)-candidate$/, "candidate");
}

describe("the statistics of a connection", () => {
  it("are those of the table, in which each name of webrtc-stats stands", { timeout: 60_000 }, async () => {
    const [near, far] = await connectPair();
    const [channel] = await openPair(near, far, "chat");
    await expect.poll(() => channel!.state).toBe("open");
    const ours = rows.filter(({ here }) => here.startsWith("yes, ours"));
    expect(rows.filter((row) => !ours.includes(row)).map(({ name }) => name)).toEqual(
      readNames("webrtc-stats.txt"),
    );
    // RTCP that came in shows in the timestamps; it is sent within a second or two.
    await expect
      .poll(() => Object.keys(find(near.getStats(), "candidate-pair")), { timeout: 20_000 })
      .toEqual(expect.arrayContaining(["lastPacketReceivedTimestamp", "currentRoundTripTime"]));
    const report = near.getStats();
    const tabled = new Set(rows.map(({ name }) => name.split(".")[0]));
    for (const object of report.filter(({ type }) => tabled.has(dictionaryOf(type)))) {
      const dictionary = dictionaryOf(object.type);
      const of = rows.filter(({ name }) => name.startsWith(`${dictionary}.`));
      const names = (keep: (here: string) => boolean) =>
        of.filter(({ here }) => keep(here)).map(({ name }) => name.slice(dictionary.length + 1));
      const given = Object.keys(object).filter((name) => !["id", "type", "timestamp"].includes(name));
      // What is said to be there only once or where it has a meaning may be missing; nothing else may be there.
      expect(given, object.id).toEqual(
        expect.arrayContaining(names((here) => /^yes($|:|, ours|, once)/.test(here))),
      );
      expect(
        names((here) => here.startsWith("yes")),
        object.id,
      ).toEqual(expect.arrayContaining(given));
    }
    const types = new Set(report.map(({ type }) => dictionaryOf(type)));
    expect([...tabled].filter((one) => !types.has(one ?? ""))).toEqual([]);
  });

  it("refer to each other, and to the same at both ends", { timeout: 60_000 }, async () => {
    const [near, far] = await connectPair();
    const [a, b] = [near.getStats(), far.getStats()];
    for (const report of [a, b]) {
      const ids = report.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const object of report) {
        for (const [name, value] of Object.entries(object)) {
          if (name.endsWith("Id")) expect(ids, `${object.id}.${name}`).toContain(value);
        }
      }
    }
    const by = (report: StatsReport, id: string | undefined) => report.find((one) => one.id === id);
    const [nearTransport, farTransport] = [find(a, "transport"), find(b, "transport")];
    expect(nearTransport).toMatchObject({ iceRole: "controlling", dtlsRole: "server", tlsVersion: "FEFD" });
    expect(farTransport).toMatchObject({ iceRole: "controlled", dtlsRole: "client" });
    for (const name of ["dtlsCipher", "srtpCipher", "tlsVersion"] as const) {
      expect(nearTransport[name]).toBe(farTransport[name]);
    }
    expect(farTransport.dtlsCipher).toBe("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    for (const [here, there] of [
      [nearTransport.localCertificateId, farTransport.remoteCertificateId],
      [nearTransport.remoteCertificateId, farTransport.localCertificateId],
    ]) {
      const told = by(a, here);
      expect(told).toMatchObject({ type: "certificate", fingerprintAlgorithm: "sha-256" });
      expect({ ...told, timestamp: 0 }).toEqual({ ...by(b, there), timestamp: 0 });
      const { base64Certificate = "", fingerprint } = { ...told } as Partial<Record<string, string>>;
      const x509 = new X509Certificate(Buffer.from(base64Certificate, "base64"));
      expect(x509.fingerprint256).toBe(fingerprint);
    }
    expect(nearTransport.localCertificateId).not.toBe(nearTransport.remoteCertificateId);
    const [nearPair, farPair] = [find(a, "candidate-pair"), find(b, "candidate-pair")];
    expect(nearTransport.selectedCandidatePairId).toBe(nearPair.id);
    const address = (report: StatsReport, id: string) => {
      const { address, port, usernameFragment } = { ...by(report, id) } as Partial<Record<string, unknown>>;
      return { address, port, usernameFragment };
    };
    expect(address(a, nearPair.localCandidateId)).toEqual(address(b, farPair.remoteCandidateId));
    expect(address(b, farPair.localCandidateId)).toEqual(address(a, nearPair.remoteCandidateId));
    expect(address(a, nearPair.localCandidateId).usernameFragment).toBe(
      nearTransport.iceLocalUsernameFragment,
    );
    expect(nearTransport.selectedCandidatePairChanges).toBeGreaterThan(0);
  });

  it("count what was sent, alike at both ends", { timeout: 120_000 }, async () => {
    const [near, far] = await connectPair();
    const [nearChannel, farChannel] = await openPair(near, far, "chat");
    const received: number[] = [];
    farChannel!.events.on("message", (data) => received.push(data.length));
    await expect.poll(() => nearChannel!.state).toBe("open");
    for (const size of [0, 1, 1000, 100_000]) nearChannel!.send(new Uint8Array(size));
    farChannel!.send("grüße");
    await expect.poll(() => received, { timeout: 30_000 }).toEqual([0, 1, 1000, 100_000]);
    await expect
      .poll(() => find(near.getStats(), "data-channel").messagesReceived, { timeout: 30_000 })
      .toBe(1);
    const [here, there] = [find(near.getStats(), "data-channel"), find(far.getStats(), "data-channel")];
    expect(here).toMatchObject({
      label: "chat",
      protocol: "chat",
      state: "open",
      messagesSent: 4,
      bytesSent: 101_001,
    });
    expect(here).toMatchObject({ messagesReceived: 1, bytesReceived: 7 });
    expect(there).toMatchObject({
      label: "chat",
      protocol: "chat",
      messagesReceived: 4,
      bytesReceived: 101_001,
    });
    expect(there).toMatchObject({ messagesSent: 1, bytesSent: 7 });
    expect(here.dataChannelIdentifier).toBe(there.dataChannelIdentifier);
    // Now and then a report of RTCP is on its way: between two of them both ends have counted the same.
    const counts = (session: Session) => {
      const { packetsSent, bytesSent, packetsReceived, bytesReceived } = find(
        session.getStats(),
        "transport",
      );
      return { sent: [packetsSent, bytesSent], received: [packetsReceived, bytesReceived] };
    };
    await expect
      .poll(
        () => {
          const [a, b] = [counts(near), counts(far)];
          return [a.sent, b.sent].map(String).join() === [b.received, a.received].map(String).join();
        },
        { timeout: 60_000 },
      )
      .toBe(true);
    expect(counts(near).sent[1]).toBeGreaterThan(101_001);
    const [pair, transport] = [find(near.getStats(), "candidate-pair"), find(near.getStats(), "transport")];
    // The pair was selected before anything went over it, unless a better one followed.
    if (transport.selectedCandidatePairChanges === 1) expect(pair.bytesSent).toBeGreaterThan(101_001);
    expect(pair.packetsDiscardedOnSend).toBe(0);
  });

  it("measure the round trip of the pair, anew after a restart of ICE", { timeout: 60_000 }, async () => {
    const [near, far] = await connectPair();
    const pair = (session: Session) => find(session.getStats(), "candidate-pair");
    const measured = () => expect.poll(() => pair(near).responsesReceived, { timeout: 30_000 });
    await measured().toBeGreaterThan(0);
    const first = pair(near);
    expect(first.currentRoundTripTime).toBeGreaterThan(0);
    expect(first.totalRoundTripTime).toBeGreaterThanOrEqual(first.currentRoundTripTime!);
    expect(first.consentRequestsSent).toBeGreaterThanOrEqual(first.responsesReceived!);
    near.acceptAnswer(far.acceptOffer(near.createOffer({ iceRestart: true })));
    await expect.poll(() => pair(near).id, { timeout: 30_000 }).not.toBe(first.id);
    await measured().toBeGreaterThan(0);
  });

  it("count the channels that opened and closed", { timeout: 60_000 }, async () => {
    const [near, far] = await connectPair();
    const [first] = await openPair(near, far, "first");
    await openPair(near, far, "second");
    const counts = (session: Session) => {
      const { dataChannelsOpened, dataChannelsClosed } = find(session.getStats(), "peer-connection");
      return [dataChannelsOpened, dataChannelsClosed];
    };
    await expect
      .poll(() => [counts(near), counts(far)])
      .toEqual([
        [2, 0],
        [2, 0],
      ]);
    first!.close();
    await expect
      .poll(() => [counts(near), counts(far)], { timeout: 20_000 })
      .toEqual([
        [2, 1],
        [2, 1],
      ]);
    await expect
      .poll(() => near.getStats().filter(({ type }) => type === "data-channel").length, { timeout: 20_000 })
      .toBe(1);
  });

  it("tell of a new pair after a restart of ICE", { timeout: 60_000 }, async () => {
    const [near, far] = await connectPair();
    const before = find(near.getStats(), "transport");
    near.acceptAnswer(far.acceptOffer(near.createOffer({ iceRestart: true })));
    await expect
      .poll(() => find(near.getStats(), "transport").selectedCandidatePairId, { timeout: 30_000 })
      .not.toBe(before.selectedCandidatePairId);
    const after = find(near.getStats(), "transport");
    expect(after.selectedCandidatePairChanges).toBeGreaterThan(before.selectedCandidatePairChanges);
    expect(after.iceLocalUsernameFragment).not.toBe(before.iceLocalUsernameFragment);
  });
});
