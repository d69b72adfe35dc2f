// Video through the stage, between clients on Sora's own Python SDK: what its tests look at, row by row.
import { SignJWT } from "jose";
import { type Checks, expect } from "./Checks.ts";
import { type Camera, PythonParty, type SeenTrack } from "./PythonParty.ts";
import { type StageProcess, startStage } from "./StageProcess.ts";

const SMALL: Camera = { width: 320, height: 240, fps: 15, color: [200, 60, 90] };
/** The smallest of which libwebrtc makes three layers. */
export const LARGE: Camera = { ...SMALL, width: 960, height: 540 };
/** What the encoders may be off by, of 255. */
const COLOR_TOLERANCE = 25;
const LOOK_MS = 100;
const PATIENCE_MS = 20_000;
const SECRET = "a secret of the checks";

interface Wishes {
  stage: StageProcess;
  channel: string;
  role: "sendonly" | "recvonly" | "sendrecv";
  camera?: Camera;
  extra?: object;
}

type Stats = { type: string; kind?: string; [member: string]: unknown }[];

export async function videoChecks(
  checks: Checks,
  { stage, python }: { stage: StageProcess; python: string },
): Promise<void> {
  const join = ({ stage: { signalingUrl }, channel, role, camera, extra }: Wishes) =>
    PythonParty.join(`${role} ${channel}`, python, {
      urls: [signalingUrl],
      channel,
      role,
      ...(camera ? { camera } : {}),
      extra: { video: true, audio: false, ...extra },
    });
  await codecChecks(checks, stage, join);
  await layerChecks(checks, stage, join);
  await requestChecks(checks, stage, join);
}

type Join = (wishes: Wishes) => Promise<PythonParty>;

async function codecChecks(checks: Checks, stage: StageProcess, join: Join): Promise<void> {
  await checks.check("video: the SDK says what it can encode", () =>
    withParties(async (add) => {
      const party = await add(join({ stage, channel: "capability", role: "recvonly" }));
      const engines = await party.capability();
      const encoded = engines.flatMap(({ codecs }) => codecs.filter(({ encoder }) => encoder));
      const names = [...new Set(encoded.map(({ type }) => type))];
      for (const name of ["VP8", "VP9", "AV1"]) expect(names.includes(name), `${name} is not in ${names}`);
      return names.join(", ");
    }),
  );
  for (const codec of ["VP8", "VP9", "AV1"]) {
    await checks.check(`video: ${codec} is seen as it was shown, by the pictures and the statistics`, () =>
      withParties(async (add) => {
        const channel = `video-${codec}`;
        const extra = { video_codec_type: codec };
        const sender = await add(join({ stage, channel, role: "sendonly", camera: SMALL, extra }));
        const viewer = await add(join({ stage, channel, role: "recvonly" }));
        const seen = await sees(viewer, ({ frames, width }) => frames >= 20 && width === SMALL.width);
        expect(isShown(seen, SMALL), `it saw ${JSON.stringify(seen)}`);
        expect(codecOf(await viewer.stats(), "inbound-rtp") === `video/${codec}`, "it came in another codec");
        const [sent] = rtp(await sender.stats(), "outbound-rtp");
        expect(Number(sent?.framesSent) >= 20, `outbound ${JSON.stringify(sent)}`);
        return `${seen.frames} pictures, ${seen.color}`;
      }),
    );
  }
  await checks.check("video: three see each other, both ways, in a codec each", () =>
    withParties(async (add) => {
      const channel = "video-three";
      const cameras: [string, Camera][] = [
        ["VP8", SMALL],
        ["VP9", { ...SMALL, color: [40, 180, 60] }],
        ["AV1", { ...SMALL, color: [60, 60, 210] }],
      ];
      const parties = [];
      for (const [codec, camera] of cameras) {
        const wishes = { stage, channel, role: "sendrecv" as const, camera };
        parties.push(await add(join({ ...wishes, extra: { audio: true, video_codec_type: codec } })));
      }
      for (const [at, party] of parties.entries()) {
        const others = cameras.filter((_, other) => other !== at);
        for (const [, camera] of others)
          await sees(party, (seen) => seen.frames >= 10 && isShown(seen, camera));
      }
      return undefined;
    }),
  );
  await checks.check(
    "video: the codec that an access token forces is sent, whatever was asked for",
    async () => {
      const strict = await startStage({ accessTokenSecret: SECRET });
      try {
        return await withParties(async (add) => {
          const channel = "video-forced";
          const access_token = await new SignJWT({ channel_id: channel, video_codec_type: "VP8" })
            .setProtectedHeader({ alg: "HS256" })
            .setExpirationTime("1 minute")
            .sign(new TextEncoder().encode(SECRET));
          const extra = { metadata: { access_token }, video_codec_type: "AV1" };
          const sender = await add(join({ stage: strict, channel, role: "sendonly", camera: SMALL, extra }));
          const viewer = await add(join({ stage: strict, channel, role: "recvonly", extra }));
          await sees(viewer, ({ frames }) => frames >= 10);
          const codec = codecOf(await sender.stats(), "outbound-rtp");
          expect(codec === "video/VP8", `it sends ${codec}`);
          return String(codec);
        });
      } finally {
        await strict.close();
      }
    },
  );
  for (const mode of ["DISABLED", "BALANCED", "MAINTAIN_FRAMERATE", "MAINTAIN_RESOLUTION"]) {
    await checks.check(`video: flows with degradation preference ${mode}`, () =>
      withParties(async (add) => {
        const channel = `video-${mode}`;
        const extra = { video_codec_type: "VP8", degradation_preference: mode };
        await add(join({ stage, channel, role: "sendonly", camera: SMALL, extra }));
        const viewer = await add(join({ stage, channel, role: "recvonly" }));
        const { frames, width } = await sees(viewer, (seen) => seen.frames >= 10);
        return `${frames} pictures, ${width} wide`;
      }),
    );
  }
}

async function layerChecks(checks: Checks, stage: StageProcess, join: Join): Promise<void> {
  const simulcast = { video_codec_type: "VP8", simulcast: true, video_bit_rate: 3000 };
  const send = { channel: "simulcast", role: "sendonly" as const, camera: LARGE, extra: simulcast };
  await checks.group("video: simulcast", () =>
    withParties(async (add) => {
      const sender = await add(join({ stage, ...send }));
      for (const [rid, width] of [
        ["r0", LARGE.width / 4],
        ["r1", LARGE.width / 2],
        ["r2", LARGE.width],
      ] as const) {
        await checks.check(`video: who asks for ${rid} sees the layer ${width} wide`, () =>
          withParties(async (addViewer) => {
            const extra = { simulcast: true, simulcast_rid: rid };
            const viewer = await addViewer(join({ stage, channel: send.channel, role: "recvonly", extra }));
            const seen = await sees(viewer, (one) => one.frames >= 5 && one.width === width);
            expect(isShown(seen, LARGE), `it saw ${JSON.stringify(seen)}`);
            return `${seen.width} x ${seen.height}`;
          }),
        );
      }
      await checks.check("video: every layer is sent, by the statistics of each rid", async () => {
        const layers = await sends(
          sender,
          (all) => all.filter(({ framesSent }) => Number(framesSent) > 10).length === 3,
        );
        return layers.map(({ rid, frameWidth }) => `${rid} ${frameWidth}`).join(", ");
      });
    }),
  );
  const shaped = await startStage({
    simulcastEncodings: [
      { rid: "r0", scaleResolutionDownTo: { maxWidth: 160, maxHeight: 90 } },
      { rid: "r1", active: false },
      // WebRTC takes it for all layers or for none.
      { rid: "r2", scaleResolutionDownTo: { maxWidth: 640, maxHeight: 360 } },
    ],
  });
  try {
    await checks.check(
      "video: layers are off (active: false) and scaled (scaleResolutionDownTo) as the offer says",
      () =>
        withParties(async (add) => {
          const sender = await add(join({ stage: shaped, ...send }));
          const extra = { simulcast: true, simulcast_rid: "r0" };
          const viewer = await add(join({ stage: shaped, channel: send.channel, role: "recvonly", extra }));
          const seen = await sees(viewer, ({ frames, width }) => frames >= 10 && width > 0);
          expect(seen.width <= 160, `r0 is ${seen.width} wide`);
          const layers = await sends(sender, (all) => Number(layer(all, "r2")?.framesSent) > 10);
          const off = layer(layers, "r1");
          expect(!off || Number(off.framesSent ?? 0) === 0, `r1 is sent: ${JSON.stringify(off)}`);
          const best = Number(layer(layers, "r2")?.frameWidth);
          expect(best <= 640, `r2 is ${best} wide`);
          return `r0 ${seen.width}, r2 ${best} wide`;
        }),
    );
  } finally {
    await shaped.close();
  }
}

async function requestChecks(checks: Checks, stage: StageProcess, join: Join): Promise<void> {
  await checks.check("video: a key frame that the API asks for reaches the sender as one PLI", () =>
    withParties(async (add) => {
      const channel = "video-keyframe";
      const extra = { video_codec_type: "VP8" };
      const sender = await add(join({ stage, channel, role: "sendonly", camera: SMALL, extra }));
      const viewer = await add(join({ stage, channel, role: "recvonly" }));
      await sees(viewer, ({ frames }) => frames >= 20);
      const before = Number(rtp(await sender.stats(), "outbound-rtp")[0]?.pliCount);
      const offer = await sender.until("offer", ({ event }) => event === "offer");
      await callApi(stage, "Sora_20241218.RequestKeyFrame", {
        channel_id: channel,
        connection_id: offer.connection_id,
      });
      const [after] = await sends(sender, ([one]) => Number(one?.pliCount) > before);
      expect(Number(after?.pliCount) === before + 1, `${before} before, ${after?.pliCount} after`);
      return `${before} before, ${after?.pliCount} after`;
    }),
  );
  await checks.check("video: a client that was redirected joins where it was sent", async () => {
    const gate = await startStage({ redirectUrl: stage.signalingUrl });
    try {
      return await withParties(async (add) => {
        const channel_id = "redirected";
        await add(join({ stage: gate, channel: channel_id, role: "recvonly" }));
        const there = await Promise.all(
          [gate, stage].map((one) => callApi(one, "Sora_20201013.ListChannelConnections", { channel_id })),
        );
        const counts = there.map((connections) => (connections as unknown[]).length);
        expect(counts.join() === "0,1", `${counts[0]} at the gate, ${counts[1]} where it was sent`);
        return undefined;
      });
    } finally {
      await gate.close();
    }
  });
}

async function callApi({ apiUrl }: StageProcess, target: string, body: object): Promise<unknown> {
  const headers = { "x-sora-target": target };
  const response = await fetch(apiUrl, { method: "POST", headers, body: JSON.stringify(body) });
  expect(response.ok, `the API gave ${response.status}`);
  return response.json();
}

/** Ends the parties of one check, however it went. */
async function withParties<T>(
  work: (add: (joining: Promise<PythonParty>) => Promise<PythonParty>) => Promise<T>,
): Promise<T> {
  const parties: PythonParty[] = [];
  try {
    return await work(async (joining) => {
      const party = await joining;
      parties.push(party);
      return party;
    });
  } finally {
    await Promise.all(parties.map((party) => party.close()));
  }
}

/** Looks until one of the tracks is as wanted. */
export async function sees(
  viewer: { seen(): Promise<SeenTrack[]> },
  isWanted: (track: SeenTrack) => boolean,
): Promise<SeenTrack> {
  const all = await looking(
    () => viewer.seen(),
    (tracks) => tracks.some(isWanted),
  );
  return all.find(isWanted)!;
}

/** Looks until what is sent is as wanted. */
function sends(sender: PythonParty, isWanted: (streams: Stats) => boolean): Promise<Stats> {
  return looking(async () => rtp(await sender.stats(), "outbound-rtp"), isWanted);
}

async function looking<T>(look: () => Promise<T>, isWanted: (found: T) => boolean): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (isWanted(found)) return found;
    if (performance.now() > end) throw new Error(`after ${PATIENCE_MS} ms there is ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export function isShown({ color }: SeenTrack, shown: Camera): boolean {
  return (
    color.length === 3 && color.every((value, at) => Math.abs(value - shown.color[at]!) < COLOR_TOLERANCE)
  );
}

function rtp(stats: Stats, type: string): Stats {
  return stats.filter((entry) => entry.type === type && entry.kind === "video");
}

function layer(streams: Stats, rid: string) {
  return streams.find((stream) => stream.rid === rid);
}

function codecOf(stats: Stats, type: string): unknown {
  const [stream] = rtp(stats, type);
  return stats.find((entry) => entry.type === "codec" && entry.id === stream?.codecId)?.mimeType;
}
