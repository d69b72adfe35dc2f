import { AVATAR_ERROR_REASONS, type AvatarErrorReason } from "troupe/avatar";
import { type AvatarFaultPhase, AvatarService } from "troupe/stage";
import type { Counterpart } from "../livekit/Counterpart.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { toBase64, tone } from "../sora/sound.ts";
import type { Opened, OpenOptions } from "./AvatarParty.ts";

const PHASES: AvatarFaultPhase[] = [
  "session_token",
  "websocket_connect",
  "websocket_handshake",
  "websocket_runtime",
];
const FRAME_MS = 40;
const RATE = 16_000;

export interface PartyKind {
  name: string;
  make: (name: string) => Counterpart;
}

/** What each SDK does with the same service, the same checks for both. */
export async function protocolChecks(checks: Checks, { name, make }: PartyKind): Promise<void> {
  const within = async (
    what: string,
    work: (party: Counterpart, service: AvatarService) => Promise<string | undefined>,
  ) => {
    await checks.check(`${name}: ${what}`, async () => {
      await using service = await AvatarService.start({ frameMs: FRAME_MS });
      const party = make(name);
      try {
        return await work(party, service);
      } finally {
        await party.close();
      }
    });
  };

  await within("gets a token and agrees on the audio", async (party, service) => {
    const id = await opened(party, service, { sampleRate: 24_000, bitrate: 96_000 });
    const [session] = service.sessions;
    expect(session?.connectionId === id, `the connection is ${session?.connectionId}, not ${id}`);
    const { sampleRate, bitrate, audioFormat, egressType } = session!.configuration!;
    const agreed = `${sampleRate} Hz, ${bitrate} bit/s, format ${audioFormat}, egress ${egressType}`;
    expect(agreed === "24000 Hz, 96000 bit/s, format 0, egress 0", agreed);
    return agreed;
  });
  await within("says who it is by the address", async (party, service) => {
    await opened(party, service, { useQueryAuth: true });
    return undefined;
  });
  await within("makes ids as the service's logs have them", async (party, service) => {
    await opened(party, service);
    const ids = [String(await party.ask("logId")), await say(party, 100)];
    for (const id of ids) expect(/^\d{14}_[\w-]{12}$/.test(id), id);
    return ids[1];
  });
  await within("says an utterance in pieces and gets a frame each 40 ms", async (party, service) => {
    await opened(party, service);
    const ids = [await say(party, 100, false), await say(party, 200, false), await say(party, 250)];
    expect(new Set(ids).size === 1, `ids ${ids}`);
    await party.until("frame", { last: true });
    const frames = party.events.filter(({ event }) => event === "frame");
    expect(frames.length === Math.ceil(550 / FRAME_MS), `${frames.length} frames`);
    expect(
      frames.every(({ requestId }) => requestId === ids[0]),
      "frames of another request",
    );
    expect(frames.filter(({ last }) => last).length === 1, "not one last frame");
    const [request] = service.sessions[0]!.requests;
    expect(request?.audioMs === 550 && request.ended, `${request?.audioMs} ms came`);
    return `${frames.length} frames`;
  });
  await within("begins another utterance after an end", async (party, service) => {
    await opened(party, service);
    const ids = [await say(party, 80), await say(party, 80)];
    for (const id of ids) await party.until("frame", { requestId: id, last: true });
    expect(ids[0] !== ids[1], "one id for both");
    return undefined;
  });
  await within("takes an interruption, and begins another utterance after it", async (party, service) => {
    await opened(party, service);
    const first = await say(party, 400, false);
    expect((await party.ask("interrupt")) === first, "another id was interrupted");
    const second = await say(party, 80);
    expect(second !== first, "the id was kept");
    await party.until("frame", { requestId: second, last: true });
    return undefined;
  });
  await within("encodes Ogg Opus, one stream an utterance", async (party, service) => {
    await opened(party, service, { audioFormat: "ogg_opus", encoder: 20, bitrate: 32_000 });
    for (const ms of [300, 410]) {
      const id = await say(party, ms);
      await party.until("frame", { requestId: id, last: true });
      const request = service.sessions[0]!.requests.find((one) => one.id === id)!;
      // The last page tells the end to the sample, or to the packet.
      expect(Math.abs(request.audioMs - ms) <= 20, `${request.audioMs} ms for ${ms} ms`);
      const encoded = await party.until("encoded", { requestId: id });
      expect(encoded.bytes === request.audioBytes, `${encoded.bytes} of ${request.audioBytes} bytes`);
    }
    return service.sessions[0]!.requests.map(({ audioMs }) => `${audioMs} ms`).join(", ");
  });
  await within("asks for an egress to Agora, and gets no frames back", async (party, service) => {
    await opened(party, service, { agora: { channel_name: "lobby" } });
    const [session] = service.sessions;
    const { egressType, agoraEgress, livekitEgress } = session!.configuration!;
    const asked = `egress ${egressType}, channel ${agoraEgress?.channelName}`;
    expect(asked === "egress 2, channel lobby" && !livekitEgress, asked);
    const id = await say(party, 200);
    await holds(() => session!.requests.some((one) => one.id === id && one.done));
    // What came before the answer to the close would have come by then.
    await party.ask("close");
    await party.until("closed");
    expect(!party.events.some(({ event }) => event === "frame"), "frames came back");
    return asked;
  });
  await within("closes", async (party, service) => {
    await opened(party, service);
    await party.ask("close");
    await party.until("closed");
    return undefined;
  });
  for (const phase of PHASES) {
    await within(`knows every error of ${phase}`, async (party, service) => {
      const wrong: string[] = [];
      for (const reason of reasonsOf(phase)) {
        service.failNext({ phase, reason });
        const told = await failureOf(party, service, phase);
        if (told !== reason) wrong.push(`${reason} became ${told}`);
      }
      expect(wrong.length === 0, wrong.join("; "));
      return `${reasonsOf(phase).length} reasons`;
    });
  }
}

/** Those that a service can say there; the others are ways to be cut off, which SDKs name differently. */
function reasonsOf(phase: AvatarFaultPhase): AvatarErrorReason[] {
  const cuts: AvatarErrorReason[] = ["unknown", "connectionFailed", "connectionClosed"];
  return AVATAR_ERROR_REASONS.filter((reason) => {
    if (cuts.includes(reason)) return false;
    // By HTTP a broken protocol has no status of its own.
    return reason !== "protocolError" || phase.startsWith("websocket_h") || phase.startsWith("websocket_r");
  });
}

async function failureOf(
  party: Counterpart,
  service: AvatarService,
  phase: AvatarFaultPhase,
): Promise<string> {
  const before = party.events.length;
  const outcome = await open(party, service);
  if ("error" in outcome) {
    expect(outcome.error.phase === phase, `${outcome.error.reason} in phase ${outcome.error.phase}`);
    return outcome.error.reason;
  }
  expect(phase === "websocket_runtime", "it was let in");
  // The close that follows is told of as an error of its own.
  const error = await firstOf(
    party,
    before,
    (one) => one.event === "error" && one.reason !== "connectionClosed",
  );
  await firstOf(party, before, (one) => one.event === "closed");
  expect(error.phase === phase, `${error.reason} in phase ${error.phase}`);
  return String(error.reason);
}

/** Waits until this is so. A check is bounded. */
async function holds(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The first event that fits, after so many. A check is bounded. */
async function firstOf(
  party: Counterpart,
  before: number,
  fits: (event: Counterpart["events"][number]) => boolean,
): Promise<Counterpart["events"][number]> {
  for (;;) {
    const found = party.events.slice(before).find(fits);
    if (found) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function open(
  party: Counterpart,
  service: AvatarService,
  options: Partial<OpenOptions> = {},
): Promise<Opened> {
  const asked = { client: service.client, avatarId: "anybody", ...options };
  return (await party.ask("open", asked)) as Opened;
}

export async function opened(
  party: Counterpart,
  service: AvatarService,
  options: Partial<OpenOptions> = {},
): Promise<string> {
  const outcome = await open(party, service, options);
  if ("error" in outcome) throw new Error(`${outcome.error.reason} in ${outcome.error.phase}`);
  return outcome.connectionId;
}

/** Sends a tone; gives the id of the utterance. */
export async function say(party: Counterpart, ms: number, end = true, hz = 440): Promise<string> {
  const audio = toBase64(tone(hz, ms / 1000));
  expect(audio.length > 0 && RATE === 16_000, "no audio");
  return String(await party.ask("send", { audio, end }));
}
