// What Sora's own tests of its Python SDK look at, each row once with that SDK and once with our client.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { SignJWT } from "jose";
import type { SoraOptions } from "troupe/sora";
import { type Checks, expect } from "./Checks.ts";
import { hearsTone } from "./hearing.ts";
import type { Party, PartyEvent } from "./Party.ts";
import { PythonParty } from "./PythonParty.ts";
import { MODES, type Mode, pythonMode, troupeMode } from "./pythonChecks.ts";
import { type StageProcess, startStage } from "./StageProcess.ts";
import { tone } from "./sound.ts";
import { TroupeParty } from "./TroupeParty.ts";

const LIFETIME_MS = 4000;
const SECRET = "a secret of the checks";

interface Wishes {
  url: string;
  channel: string;
  role?: "sendrecv" | "sendonly" | "recvonly";
  mode?: Mode;
  /** In the names of each SDK. */
  python?: object;
  troupe?: Partial<SoraOptions>;
}

/** One SDK under test. */
interface Kind {
  name: string;
  /** Starts to join, without waiting. */
  start(wishes: Wishes): Party;
}

export async function checklistChecks(
  checks: Checks,
  { stage, python }: { stage: StageProcess; python: string },
): Promise<void> {
  const kinds: Kind[] = [
    {
      name: "Python",
      start: ({ url, channel, role, mode, python: extra }) =>
        PythonParty.start("Python", python, {
          urls: [url],
          channel,
          role,
          extra: { ...(mode ? pythonMode(mode) : {}), ...extra },
        }),
    },
    {
      name: "Troupe",
      start: ({ url, channel, role = "sendrecv", mode, troupe }) =>
        TroupeParty.start("Troupe", {
          signalingUrls: [url],
          channelId: channel,
          role,
          ...(mode ? troupeMode(mode) : {}),
          ...troupe,
        }),
    },
  ];
  const limited = await startStage({ lifetimeMs: LIFETIME_MS });
  try {
    for (const kind of kinds) {
      await joiningChecks(checks, kind, stage.signalingUrl);
      await wishChecks(checks, kind, stage.signalingUrl);
      await flowChecks(checks, kind, stage.signalingUrl);
      await endingChecks(checks, kind, stage, limited);
      await tlsChecks(checks, kind);
      await tokenChecks(checks, kind);
    }
  } finally {
    await limited.close();
  }
}

/** Ends the parties of one check, however it went. */
async function withParties<T>(work: (add: (party: Party) => Party) => Promise<T>): Promise<T> {
  const parties: Party[] = [];
  try {
    return await work((party) => {
      parties.push(party);
      return party;
    });
  } finally {
    await Promise.all(parties.map((party) => party.close().catch(() => {})));
  }
}

type Message = Record<string, unknown>;
const messageOf = (event: PartyEvent) => event.message as Message;

function joined(party: Party): Promise<PartyEvent> {
  return party.until("own connection.created", ({ event, own }) => event === "notify" && own === true);
}

async function signalled(party: Party, direction: string, type: string): Promise<Message> {
  const found = await party.until(`${direction} ${type}`, (event) => {
    return event.event === "signaling" && event.direction === direction && messageOf(event).type === type;
  });
  return messageOf(found);
}

async function notified(party: Party, eventType: string, connections: number): Promise<Message> {
  const found = await party.until(`${eventType} with ${connections} connections`, (event) => {
    if (event.event !== "notify") return false;
    const { event_type, channel_connections } = messageOf(event);
    return event_type === eventType && channel_connections === connections;
  });
  return messageOf(found);
}

async function joiningChecks(checks: Checks, kind: Kind, url: string): Promise<void> {
  await checks.check(`${kind.name}: connect, offer and answer are seen as they pass`, () =>
    withParties(async (add) => {
      const party = add(kind.start({ url, channel: `${kind.name}-seen` }));
      await joined(party);
      const connect = await signalled(party, "sent", "connect");
      expect(
        connect.channel_id === `${kind.name}-seen` && connect.role === "sendrecv",
        JSON.stringify(connect),
      );
      const offer = await signalled(party, "received", "offer");
      expect(String(offer.sdp).startsWith("v=0"), "the offer has no SDP");
      const answer = await signalled(party, "sent", "answer");
      expect(String(answer.sdp).includes("m=audio"), "the answer has no audio");
      return `${String(connect.sora_client)}`;
    }),
  );

  await checks.check(`${kind.name}: is told who is there, who comes and who goes`, () =>
    withParties(async (add) => {
      const channel = `${kind.name}-told`;
      const first = add(kind.start({ url, channel }));
      const { connection_id: firstId } = messageOf(await joined(first));
      const second = add(kind.start({ url, channel }));
      const own = messageOf(await joined(second));
      const data = own.data as Message[];
      expect(
        isDeepStrictEqual(
          data.map(({ connection_id }) => connection_id),
          [firstId],
        ),
        JSON.stringify(own),
      );
      await notified(first, "connection.created", 2);
      await second.leave();
      const gone = await notified(first, "connection.destroyed", 1);
      expect(gone.connection_id === own.connection_id, JSON.stringify(gone));
      return undefined;
    }),
  );

  await checks.check(`${kind.name}: answers a re-offer for each who comes`, () =>
    withParties(async (add) => {
      const channel = `${kind.name}-reoffer`;
      const first = add(kind.start({ url, channel }));
      await joined(first);
      await joined(add(kind.start({ url, channel })));
      await signalled(first, "received", "re-offer");
      const { sdp } = await signalled(first, "sent", "re-answer");
      const lines = String(sdp).match(/^m=audio/gm) ?? [];
      expect(lines.length === 2, `${lines.length} lines of audio in the re-answer`);
      return undefined;
    }),
  );

  for (const [name, mode] of Object.entries(MODES)) {
    await checks.check(`${kind.name}: switched, ${name}`, () =>
      withParties(async (add) => {
        const party = add(kind.start({ url, channel: `${kind.name}-switched-${name}`, mode }));
        await joined(party);
        if (!mode.signalling) {
          expect(!party.events.some(({ event }) => event === "switched"), "it switched");
          return "none, as it should be";
        }
        const { message } = await party.until("switched", ({ event }) => event === "switched");
        return JSON.stringify(message);
      }),
    );
  }

  await checks.check(`${kind.name}: leaves before it switched`, () =>
    withParties(async (add) => {
      const party = add(
        kind.start({ url, channel: `${kind.name}-early`, mode: MODES["data channels only"] }),
      );
      await signalled(party, "received", "offer");
      await party.leave();
      const { code } = await party.until("disconnect", ({ event }) => event === "disconnect");
      expect(code === "CLOSE_SUCCEEDED", `it ended with ${code}`);
      return undefined;
    }),
  );
}

async function wishChecks(checks: Checks, kind: Kind, url: string): Promise<void> {
  await checks.check(`${kind.name}: forwarding filters pass verbatim, and filter`, () =>
    withParties(async (add) => {
      const channel = `${kind.name}-filters`;
      const filters = [
        {
          action: "block" as const,
          name: "without the one called quiet",
          priority: 1,
          rules: [[{ field: "client_id" as const, operator: "is_in" as const, values: ["quiet"] }]],
        },
      ];
      const quiet = add(
        kind.start({ url, channel, python: { client_id: "quiet" }, troupe: { clientId: "quiet" } }),
      );
      await joined(quiet);
      const loud = add(
        kind.start({ url, channel, python: { client_id: "loud" }, troupe: { clientId: "loud" } }),
      );
      await joined(loud);
      const listener = add(
        kind.start({
          url,
          channel,
          role: "recvonly",
          python: { forwarding_filters: filters },
          troupe: { forwardingFilters: filters },
        }),
      );
      await joined(listener);
      const connect = await signalled(listener, "sent", "connect");
      expect(
        isDeepStrictEqual(connect.forwarding_filters, filters),
        JSON.stringify(connect.forwarding_filters),
      );
      await quiet.play(tone(440, 1), true);
      await loud.play(tone(880, 1), true);
      const heard = await hearsTone(listener, 880);
      const tracks = listener.events.filter(({ event }) => event === "track");
      expect(tracks.length === 1, `${tracks.length} tracks`);
      return heard;
    }),
  );

  await checks.check(`${kind.name}: opus_params are sent, and are in the offer`, () =>
    withParties(async (add) => {
      const party = add(
        kind.start({
          url,
          channel: `${kind.name}-opus`,
          python: {
            audio_codec_type: "OPUS",
            audio_bit_rate: 48,
            audio_opus_params: { maxplaybackrate: 16_000, ptime: 40, useinbandfec: false, usedtx: true },
          },
          troupe: {
            audio: {
              codecType: "OPUS",
              bitRate: 48,
              opusParams: { maxplaybackrate: 16_000, ptime: 40, useinbandfec: false, usedtx: true },
            },
          },
        }),
      );
      await joined(party);
      const { audio } = await signalled(party, "sent", "connect");
      const params = (audio as { opus_params: Message }).opus_params;
      expect(
        params.ptime === 40 && params.usedtx === true && params.useinbandfec === false,
        JSON.stringify(audio),
      );
      const { sdp } = await signalled(party, "received", "offer");
      const format = /^a=fmtp:111 (.*)$/m.exec(String(sdp))?.[1] ?? "";
      for (const wanted of [
        "maxplaybackrate=16000",
        "ptime=40",
        "useinbandfec=0",
        "usedtx=1",
        "maxaveragebitrate=48000",
      ])
        expect(format.includes(wanted), `${wanted} is not in ${format}`);
      return format;
    }),
  );
}

async function flowChecks(checks: Checks, kind: Kind, url: string): Promise<void> {
  await checks.check(`${kind.name}: audio flows both ways, by the statistics`, () =>
    withParties(async (add) => {
      const channel = `${kind.name}-flow`;
      const [ann, ben] = [add(kind.start({ url, channel })), add(kind.start({ url, channel }))];
      await Promise.all([joined(ann), joined(ben)]);
      await ann.play(tone(440, 1), true);
      await ben.play(tone(660, 1), true);
      await hearsTone(ann, 660);
      await hearsTone(ben, 440);
      const stats = await ann.stats();
      const of = (type: string) =>
        stats.find((entry) => entry.type === type && (entry.kind ?? "audio") === "audio");
      const [inbound, outbound] = [of("inbound-rtp"), of("outbound-rtp")];
      expect(Number(inbound?.packetsReceived) > 20, `inbound ${JSON.stringify(inbound)}`);
      expect(Number(outbound?.packetsSent) > 20, `outbound ${JSON.stringify(outbound)}`);
      const codec = of("codec");
      expect(codec?.mimeType === "audio/opus", `codec ${JSON.stringify(codec)}`);
      expect(
        stats.some(({ type }) => type === "transport"),
        "no transport",
      );
      return `${inbound?.packetsReceived} in, ${outbound?.packetsSent} out`;
    }),
  );
}

/** How each ending is told, by mode: the codes and reasons that Sora's SDK has. */
const ENDINGS = {
  "by the client": {
    "WebSocket only": /TYPE-DISCONNECT|close WebSocket/,
    "both paths": /TYPE-DISCONNECT|close Websocket/,
    "data channels only": /DataChannel/,
  },
  "by the API": {
    "WebSocket only": /DISCONNECTED-API/,
    "both paths": /DISCONNECTED-API/,
    "data channels only": /DISCONNECTED-API/,
  },
  "by its lifetime": {
    "WebSocket only": /LIFETIME-EXPIRED/,
    "both paths": /LIFETIME-EXPIRED/,
    "data channels only": /LIFETIME-EXPIRED/,
  },
} as const;

async function endingChecks(
  checks: Checks,
  kind: Kind,
  stage: StageProcess,
  limited: StageProcess,
): Promise<void> {
  for (const [how, reasons] of Object.entries(ENDINGS)) {
    for (const [name, mode] of Object.entries(MODES)) {
      await checks.check(`${kind.name}: ends ${how}, ${name}`, () =>
        withParties(async (add) => {
          const { signalingUrl: url } = how === "by its lifetime" ? limited : stage;
          const channel = `${kind.name}-${how}-${name}`;
          const party = add(kind.start({ url, channel, mode }));
          const { connection_id } = messageOf(await joined(party));
          if (mode.signalling) await party.until("switched", ({ event }) => event === "switched");
          if (how === "by the client") await party.leave();
          if (how === "by the API")
            await callApi(stage, "Sora_20151104.DisconnectConnection", {
              channel_id: channel,
              connection_id,
            });
          const { code, message } = await party.until("disconnect", ({ event }) => event === "disconnect");
          expect(code === "CLOSE_SUCCEEDED", `it ended with ${code}: ${message}`);
          expect(reasons[name as keyof typeof reasons].test(String(message)), `the reason is ${message}`);
          return `${code}, ${message}`;
        }),
      );
    }
  }
}

async function callApi({ apiUrl }: StageProcess, target: string, body: object): Promise<void> {
  const response = await fetch(apiUrl, {
    method: "POST",
    headers: { "x-sora-target": target },
    body: JSON.stringify(body),
  });
  expect(response.ok, `${target} gave ${response.status} ${await response.text()}`);
}

async function tlsChecks(checks: Checks, kind: Kind): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-interop-tls-"));
  try {
    const own = certificate(folder, "own");
    const other = certificate(folder, "other");
    const secure = await startStage({ tls: { cert: own.certificate, key: own.key } });
    const url = secure.signalingUrl.replace("127.0.0.1", "localhost");
    try {
      await checks.check(`${kind.name}: trusts the authority that it is given`, () =>
        withParties(async (add) => {
          const trust = {
            python: { ca_cert: own.certificate },
            troupe: { tls: { caCertificate: own.certificate } },
          };
          await joined(add(kind.start({ url, channel: "tls", ...trust })));
          return undefined;
        }),
      );
      await checks.check(`${kind.name}: trusts no other`, () =>
        withParties(async (add) => {
          const trust = {
            python: { ca_cert: other.certificate },
            troupe: { tls: { caCertificate: other.certificate }, reconnect: false },
          };
          const party = add(kind.start({ url, channel: "tls", ...trust }));
          const { code } = await party.until("disconnect", ({ event }) => event === "disconnect");
          expect(code === "WEBSOCKET_HANDSHAKE_FAILED", `it ended with ${code}`);
          return String(code);
        }),
      );
      await checks.check(`${kind.name}: trusts anybody when told to`, () =>
        withParties(async (add) => {
          const trust = { python: { insecure: true }, troupe: { tls: { insecure: true } } };
          await joined(add(kind.start({ url, channel: "tls", ...trust })));
          return undefined;
        }),
      );
    } finally {
      await secure.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function certificate(folder: string, name: string): { key: string; certificate: string } {
  const [key, file] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" ");
  execFileSync("openssl", [...kind, "-keyout", key, "-out", file, ...subject], { stdio: "pipe" });
  return { key: readFileSync(key, "utf8"), certificate: readFileSync(file, "utf8") };
}

async function tokenChecks(checks: Checks, kind: Kind): Promise<void> {
  const guarded = await startStage({ accessTokenSecret: SECRET });
  const url = guarded.signalingUrl;
  const tokenFor = (channelId: string) =>
    new SignJWT({ channel_id: channelId, audio_bit_rate: 20 })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(SECRET));
  try {
    await checks.check(`${kind.name}: comes in with an access token, which sets the bit rate`, () =>
      withParties(async (add) => {
        const metadata = { access_token: await tokenFor("tokens") };
        const party = add(kind.start({ url, channel: "tokens", python: { metadata }, troupe: { metadata } }));
        await joined(party);
        const { sdp } = await signalled(party, "received", "offer");
        expect(String(sdp).includes("maxaveragebitrate=20000"), "the bit rate is not in the offer");
        return undefined;
      }),
    );
    await checks.check(`${kind.name}: stays out with one for another channel`, () =>
      withParties(async (add) => {
        const metadata = { access_token: await tokenFor("elsewhere") };
        const party = add(kind.start({ url, channel: "tokens", python: { metadata }, troupe: { metadata } }));
        const { code, message } = await party.until("disconnect", ({ event }) => event === "disconnect");
        expect(
          code !== "CLOSE_SUCCEEDED" && String(message).includes("INVALID-CHANNEL-ID"),
          `${code}: ${message}`,
        );
        return `${code}, ${message}`;
      }),
    );
  } finally {
    await guarded.close();
  }
}
