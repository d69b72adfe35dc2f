// A client on LiveKit's own SDK for Node that does what it is told: JSON commands in by line, JSON events out by line.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import * as rtc from "@livekit/rtc-node";

const HEARD_RATE = 16_000;
const HEARD_FRAMES = 150;

const emit = (event: string, fields: object = {}) =>
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const room = new rtc.Room();
const heard = new Map<string, Int16Array[]>();
let publication: rtc.LocalTrackPublication | undefined;

room
  .on(rtc.RoomEvent.ParticipantConnected, ({ identity }) => emit("participantConnected", { identity }))
  .on(rtc.RoomEvent.ParticipantDisconnected, ({ identity }) => emit("participantDisconnected", { identity }))
  .on(rtc.RoomEvent.TrackSubscribed, (track, { name, source }, { identity }) => {
    emit("trackSubscribed", { identity, name, source });
    if (track.kind === rtc.TrackKind.KIND_AUDIO) void hear(track, identity);
  })
  .on(rtc.RoomEvent.TrackUnsubscribed, (_track, _publication, { identity }) =>
    emit("trackUnsubscribed", { identity }),
  )
  .on(rtc.RoomEvent.TrackMuted, (_publication, { identity }) => emit("trackMuted", { identity }))
  .on(rtc.RoomEvent.TrackUnmuted, (_publication, { identity }) => emit("trackUnmuted", { identity }))
  .on(rtc.RoomEvent.DataReceived, (data, participant, kind, topic) =>
    emit("data", {
      identity: participant?.identity ?? "",
      topic,
      text: Buffer.from(data).toString("utf8"),
      reliable: kind === rtc.DataPacketKind.KIND_RELIABLE,
    }),
  )
  .on(rtc.RoomEvent.DtmfReceived, (_code, digit, { identity }) => emit("dtmf", { digit, identity }))
  .on(rtc.RoomEvent.ParticipantAttributesChanged, (changed, { identity }) =>
    emit("attributes", { identity, changed }),
  )
  .on(rtc.RoomEvent.ParticipantMetadataChanged, (metadata, { identity }) =>
    emit("metadata", { identity, metadata }),
  )
  .on(rtc.RoomEvent.ParticipantNameChanged, (name, { identity }) => emit("name", { identity, name }))
  .on(rtc.RoomEvent.Reconnecting, () => emit("reconnecting"))
  .on(rtc.RoomEvent.Reconnected, () => emit("reconnected"))
  .on(rtc.RoomEvent.Disconnected, (reason) => emit("disconnected", { reason }));

async function hear(track: rtc.Track, identity: string): Promise<void> {
  const frames: Int16Array[] = [];
  heard.set(identity, frames);
  for await (const frame of new rtc.AudioStream(track, HEARD_RATE, 1)) {
    frames.push(Int16Array.from(frame.data));
    if (frames.length > HEARD_FRAMES) frames.shift();
  }
}

async function play(source: rtc.AudioSource, hz: number): Promise<void> {
  for (let at = 0; ; at += 480) {
    const pcm = Int16Array.from({ length: 480 }, (_, index) =>
      Math.round(9000 * Math.sin((2 * Math.PI * hz * (at + index)) / 48_000)),
    );
    await source.captureFrame(new rtc.AudioFrame(pcm, 48_000, 1, 480));
  }
}

async function publish(hz: number): Promise<string | undefined> {
  const source = new rtc.AudioSource(48_000, 1);
  const track = rtc.LocalAudioTrack.createAudioTrack("tone", source);
  const options = new rtc.TrackPublishOptions({ source: rtc.TrackSource.SOURCE_MICROPHONE, dtx: false });
  publication = await local().publishTrack(track, options);
  play(source, hz).catch(() => {});
  return publication.sid;
}

function local(): rtc.LocalParticipant {
  if (!room.localParticipant) throw new Error("not joined");
  return room.localParticipant;
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments come as JSON, from the checks beside this
const commands: Record<string, (args: any) => unknown> = {
  async join({ url, token, hz, key, cover, autoSubscribe = true }) {
    const encryption = key && {
      keyProviderOptions: { sharedKey: Buffer.from(key) },
      encryptionType: rtc.EncryptionType.GCM,
    };
    const options = {
      autoSubscribe,
      dynacast: false,
      ...(key && { [cover === "data" ? "encryption" : "e2ee"]: encryption }),
    };
    await room.connect(url, token, options as rtc.RoomOptions);
    if (hz) await publish(hz);
  },
  publish: ({ hz }) => publish(hz),
  hears({ identity }) {
    const pcm = Int16Array.from((heard.get(identity) ?? []).flatMap((frame) => [...frame]));
    return Buffer.from(pcm.buffer).toString("base64");
  },
  ratchet() {
    // Its types hide the provider, which no other way leads to.
    const manager = room.e2eeManager as unknown as { keyProvider: rtc.KeyProvider };
    manager.keyProvider.ratchetSharedKey(0);
  },
  forget() {
    for (const frames of heard.values()) frames.length = 0;
  },
  publishData: ({ text, reliable = true, topic = "", to = [] }) =>
    local().publishData(Buffer.from(text), { reliable, topic, destination_identities: to }),
  takeStreams({ topic }) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      const sha256 = createHash("sha256").update(text).digest("hex");
      emit("text", { topic, identity, sha256, size: text.length, attributes: reader.info.attributes });
    });
    room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of reader) {
        hash.update(chunk);
        size += chunk.length;
      }
      emit("file", { topic, identity, name: reader.info.name, size, sha256: hash.digest("hex") });
    });
  },
  sendText: async ({ text, topic, attributes = {} }) =>
    void (await local().sendText(text, { topic, attributes })),
  sendFile: async ({ path, topic }) => void (await local().sendFile(path, { topic })),
  takeCalls() {
    local().registerRpcMethod("echo", async ({ payload }) => payload);
    local().registerRpcMethod("fails", async () => {
      throw new rtc.RpcError(1234, "on purpose", "its data");
    });
    local().registerRpcMethod("breaks", async () => {
      throw new Error("a bug");
    });
    local().registerRpcMethod("slow", async () => {
      await pause(30_000);
      return "";
    });
    local().registerRpcMethod("long", async () => "x".repeat(20_000));
  },
  async call({ to, method, payload, timeoutMs }) {
    try {
      const call = {
        destinationIdentity: to,
        method,
        payload,
        ...(timeoutMs && { responseTimeout: timeoutMs }),
      };
      return { value: await local().performRpc(call) };
    } catch (error) {
      if (!(error instanceof rtc.RpcError)) throw error;
      return { code: error.code, message: error.message, data: error.data };
    }
  },
  setAttributes: ({ attributes }) => local().setAttributes(attributes),
  setMetadata: ({ metadata }) => local().updateMetadata(metadata),
  setName: ({ name }) => local().updateName(name),
  transcribe: ({ trackSid, text }) =>
    local().publishTranscription({
      participantIdentity: local().identity,
      trackSid,
      segments: [{ id: "s1", text, startTime: 0n, endTime: 0n, language: "en", final: true }],
    } as never),
  dtmf: ({ code, digit }) => local().publishDtmf(code, digit),
  participants: () =>
    Object.fromEntries(
      [...room.remoteParticipants].map(([identity, { name, metadata, attributes }]) => [
        identity,
        { name, metadata, attributes },
      ]),
    ),
  leave: () => room.disconnect(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...args } = JSON.parse(line) as { id: number; command: string };
  void Promise.resolve()
    .then(() => commands[command]!(args))
    .then(
      (value) => emit("result", { id, value }),
      (error: unknown) => emit("result", { id, error: String(error) }),
    );
}
process.exit(0);
