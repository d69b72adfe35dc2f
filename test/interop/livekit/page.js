// A client on LiveKit's own JavaScript SDK in a page: `run` does what it is told, `tell` says what it sees.
import {
  ExternalE2EEKeyProvider,
  LocalAudioTrack,
  Room,
  RoomEvent,
  RpcError,
  Track,
} from "/livekit-client.mjs";

const HEARD_RATE = 16_000;
const HEARD_SAMPLES = 1.5 * HEARD_RATE;

const context = new AudioContext({ sampleRate: 48_000 });
const hearing = new AudioContext({ sampleRate: HEARD_RATE });
const heard = new Map();
const tell = (event, fields = {}) => window.tell({ event, ...fields });
let room;
let keyProvider;
let publication;

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function listen() {
  room
    .on(RoomEvent.ParticipantConnected, ({ identity }) => tell("participantConnected", { identity }))
    .on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell("participantDisconnected", { identity }))
    .on(RoomEvent.TrackSubscribed, (track, { trackName: name }, { identity }) => {
      tell("trackSubscribed", { identity, name });
      if (track.kind === Track.Kind.Audio) hear(track, identity);
    })
    .on(RoomEvent.TrackUnsubscribed, (_track, _publication, { identity }) =>
      tell("trackUnsubscribed", { identity }),
    )
    .on(RoomEvent.TrackMuted, (_publication, { identity }) => tell("trackMuted", { identity }))
    .on(RoomEvent.TrackUnmuted, (_publication, { identity }) => tell("trackUnmuted", { identity }))
    .on(RoomEvent.DataReceived, (data, participant, _kind, topic) =>
      tell("data", { identity: participant?.identity ?? "", topic, text: new TextDecoder().decode(data) }),
    )
    .on(RoomEvent.SipDTMFReceived, ({ digit }, participant) =>
      tell("dtmf", { digit, identity: participant?.identity }),
    )
    .on(RoomEvent.TranscriptionReceived, (segments, participant) =>
      tell("transcription", {
        identity: participant?.identity,
        segments: segments.map(({ id, text, final }) => ({ id, text, final })),
      }),
    )
    .on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) =>
      tell("attributes", { identity, changed }),
    )
    .on(RoomEvent.ParticipantMetadataChanged, (_old, { identity, metadata }) =>
      tell("metadata", { identity, metadata }),
    )
    .on(RoomEvent.ParticipantNameChanged, (name, { identity }) => tell("name", { identity, name }))
    .on(RoomEvent.Disconnected, (reason) => tell("disconnected", { reason }));
}

/** Chromium lets a remote stream into Web Audio only while an element plays it. */
function hear(track, identity) {
  const element = track.attach();
  element.muted = true;
  const stream = new MediaStream([track.mediaStreamTrack]);
  const source = hearing.createMediaStreamSource(stream);
  const tap = hearing.createScriptProcessor(1024, 1, 1);
  const kept = [];
  heard.set(identity, kept);
  tap.onaudioprocess = ({ inputBuffer }) => {
    kept.push(...inputBuffer.getChannelData(0));
    kept.splice(0, Math.max(0, kept.length - HEARD_SAMPLES));
  };
  source.connect(tap);
  tap.connect(hearing.destination);
}

async function publish(hz) {
  const oscillator = context.createOscillator();
  oscillator.frequency.value = hz;
  const gain = context.createGain();
  gain.gain.value = 0.3;
  const destination = context.createMediaStreamDestination();
  destination.channelCount = 1;
  oscillator.connect(gain).connect(destination);
  oscillator.start();
  const track = new LocalAudioTrack(destination.stream.getAudioTracks()[0], undefined, true);
  publication = await room.localParticipant.publishTrack(track, {
    name: "tone",
    source: Track.Source.Microphone,
    dtx: false,
  });
  return publication.trackSid;
}

const commands = {
  async join({ url, token, hz, key, autoSubscribe = true }) {
    await Promise.all([context.resume(), hearing.resume()]);
    let e2ee;
    if (key) {
      keyProvider = new ExternalE2EEKeyProvider();
      await keyProvider.setKey(key);
      e2ee = { keyProvider, worker: new Worker("/e2ee.worker.mjs", { type: "module" }) };
    }
    room = new Room({ encryption: e2ee });
    listen();
    if (e2ee) await room.setE2EEEnabled(true);
    await room.connect(url, token, { autoSubscribe });
    if (hz) await publish(hz);
  },
  publish: ({ hz }) => publish(hz),
  hears({ identity }) {
    const pcm = Int16Array.from(
      heard.get(identity) ?? [],
      (sample) => Math.max(-1, Math.min(1, sample)) * 32_767,
    );
    let text = "";
    for (const byte of new Uint8Array(pcm.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  },
  ratchet: () => keyProvider.ratchetKey(undefined, 0),
  forget() {
    for (const kept of heard.values()) kept.length = 0;
  },
  mute: async ({ muted }) => void (await (muted ? publication.mute() : publication.unmute())),
  publishData: ({ text, reliable = true, topic, to = [] }) =>
    room.localParticipant.publishData(new TextEncoder().encode(text), {
      reliable,
      topic,
      destinationIdentities: to,
    }),
  takeStreams({ topic }) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      const digest = await sha256(new TextEncoder().encode(text));
      tell("text", {
        topic,
        identity,
        sha256: digest,
        size: text.length,
        attributes: reader.info.attributes,
      });
    });
    room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const chunks = await reader.readAll();
      const bytes = await new Blob(chunks).arrayBuffer();
      tell("file", {
        topic,
        identity,
        name: reader.info.name,
        size: bytes.byteLength,
        sha256: await sha256(bytes),
      });
    });
  },
  sendText: async ({ text, topic, attributes = {} }) =>
    void (await room.localParticipant.sendText(text, { topic, attributes })),
  async sendFile({ size, topic }) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) bytes[at] = (at * 31) & 255;
    await room.localParticipant.sendFile(new File([bytes], "made.bin"), { topic });
    return sha256(bytes);
  },
  takeCalls() {
    room.registerRpcMethod("echo", async ({ payload }) => payload);
    room.registerRpcMethod("fails", async () => {
      throw new RpcError(1234, "on purpose", "its data");
    });
    room.registerRpcMethod("breaks", async () => {
      throw new Error("a bug");
    });
    room.registerRpcMethod("slow", () => new Promise((resolve) => setTimeout(() => resolve(""), 30_000)));
    room.registerRpcMethod("long", async () => "x".repeat(20_000));
  },
  async call({ to, method, payload, timeoutMs }) {
    try {
      const call = { destinationIdentity: to, method, payload, responseTimeout: timeoutMs };
      return { value: await room.localParticipant.performRpc(call) };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { code: error.code, message: error.message, data: error.data };
    }
  },
  setAttributes: ({ attributes }) => room.localParticipant.setAttributes(attributes),
  setMetadata: ({ metadata }) => room.localParticipant.setMetadata(metadata),
  setName: ({ name }) => room.localParticipant.setName(name),
  dtmf: ({ code, digit }) => room.localParticipant.publishDtmf(code, digit),
  allow: ({ everybody }) => room.localParticipant.setTrackSubscriptionPermissions(everybody, []),
  participants: () =>
    Object.fromEntries(
      [...room.remoteParticipants].map(([identity, { name, metadata, attributes }]) => [
        identity,
        { name, metadata, attributes },
      ]),
    ),
  leave: () => room.disconnect(),
};

window.run = (command, args) => commands[command](args);
