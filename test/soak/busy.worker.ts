// A worker with everything of the native part in use, which says how far it is.
import { parentPort } from "node:worker_threads";
import { Engine } from "../../src/native/index.ts";
import { NativePeerTransport, Session, type TransportChannel } from "../../src/webrtc/index.ts";
import { Tone } from "./Tone.ts";

const say = (stage: string) => parentPort?.postMessage(stage);

say("loaded");
const tone = new Tone();
const sink = Engine.shared().createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
const [offerer, answerer] = (["offerer", "answerer"] as const).map(
  (role) => new Session({ role, transport: new NativePeerTransport({ controlling: role === "offerer" }) }),
) as [Session, Session];
offerer.events.on("candidate", (candidate, mid) => answerer.addRemoteCandidate(candidate, mid));
answerer.events.on("candidate", (candidate, mid) => offerer.addRemoteCandidate(candidate, mid));
offerer.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "soak" });
offerer.addApplication();
const near = offerer.openChannel("flood");
near.events.on("open", () => flood(near));
near.events.on("low", () => flood(near));
answerer.events.on("channel", (far) => {
  far.events.on("message", () => {});
  far.events.on("low", () => flood(far));
  flood(far);
});
sink.events.once("frame", () => {
  say("flowing");
  closeAndOpen();
});
offerer.events.on("state", (state) => state === "connected" && say("connected"));
negotiate();
say("negotiated");

function negotiate(iceRestart = false): void {
  const choice = { receive: true, send: { streamId: "soak" } };
  offerer.acceptAnswer(answerer.acceptOffer(offerer.createOffer({ iceRestart }), () => choice));
  offerer.transceivers[0]?.setProducer(tone.source);
  const receiver = answerer.transceivers[0]?.receiver;
  if (receiver) sink.bind(receiver);
}

function flood(channel: TransportChannel): void {
  channel.setBufferedAmountLowThreshold(100_000);
  while (channel.state === "open" && channel.send(new Uint8Array(20_000)));
}

/** Handles that come and go beside those that stay, until the end. */
function closeAndOpen(): void {
  say("closing");
  const passing = new NativePeerTransport({ controlling: true });
  passing.localParameters();
  const source = Engine.shared().createSource({ sampleRate: 16_000, channels: 1, capacityMs: 100 });
  source.write(new Int16Array(1_600));
  setTimeout(() => {
    passing.close();
    source.close();
    negotiate(true);
    closeAndOpen();
  }, 5);
}
