// The stage's page: a call with a bot, what was said, and the states of every actor.
import { ActorList } from "./actors.js";
import { LevelMeter, LevelStrip } from "./levels.js";
import { SoraClient } from "./sora.js";
import { TrackList } from "./tracks.js";
import { Transcript } from "./transcript.js";

const address = new URL(location.href);
const channelId = address.searchParams.get("channel") || "reception";
const socketBase = `${address.protocol === "https:" ? "wss" : "ws"}://${address.host}`;
const FEED_RETRY_MS = 2000;

const element = (id) => document.getElementById(id);
const callButton = element("call");
const muteButton = element("mute");
/** What bots report; it comes back when it was lost. */
let feed = null;
const transcript = new Transcript(element("transcript"), element("transcript-empty"));
const actors = new ActorList(element("actors"), element("actors-empty"), element("actor-count"));
const tracks = new TrackList(
  element("tracks"),
  element("tracks-section"),
  (message) => feed?.readyState === WebSocket.OPEN && feed.send(JSON.stringify(message)),
);
const strips = { caller: new LevelStrip(element("level-caller")), bot: new LevelStrip(element("level-bot")) };

/** Plays what the others say. */
const sound = new Audio();

/** The running call: client, microphone and audio context; null between calls. */
let call = null;

element("channel").textContent = channelId;
// The token has done its work; a reload is known by its cookie, and the address can be shown.
address.searchParams.delete("token");
address.searchParams.set("channel", channelId);
history.replaceState(null, "", address);

callButton.addEventListener("click", () => (call ? hangUp() : startCall()));
muteButton.addEventListener("click", toggleMute);
element("composer").addEventListener("submit", sendLine);
listenToFeed();
requestAnimationFrame(drawLevels);

async function startCall() {
  showAlert("");
  setStatus("connecting", "Connecting");
  callButton.disabled = true;
  const microphone = await openMicrophone();
  const context = new AudioContext();
  const client = new SoraClient({
    url: `${socketBase}/signaling`,
    channelId,
    microphone: microphone?.getAudioTracks()[0] ?? null,
  });
  call = { client, microphone, context, heard: new Map() };
  listenTo(client);
  if (microphone) strips.caller.meter = meterOf(context, microphone);
  try {
    await client.joined();
    setStatus("connected", microphone ? "In the call" : "Listening");
    callButton.textContent = "Hang up";
    muteButton.hidden = !microphone;
    element("hint").textContent = microphone
      ? "Speak when you like; you can interrupt the bot."
      : "Without a microphone you can listen and type.";
  } catch (error) {
    showAlert(`The call could not be made. ${error.message}.`);
    hangUp("failed");
  } finally {
    callButton.disabled = false;
  }
}

function listenTo(client) {
  client.addEventListener("track", ({ detail }) => hear(detail));
  client.addEventListener("message", ({ detail }) => receive(detail));
  client.addEventListener("open", () => enableComposer(true));
  client.addEventListener("members", ({ detail }) => {
    if (detail < 2) setBotState("Not here");
  });
  client.addEventListener("closed", ({ detail }) => {
    if (call?.client !== client) return;
    if (detail) showAlert(`The call ended. ${detail}.`);
    hangUp(detail ? "failed" : "idle");
  });
}

function hangUp(state = "idle") {
  const ended = call;
  call = null;
  if (!ended) return;
  ended.client.close();
  for (const track of ended.microphone?.getTracks() ?? []) track.stop();
  for (const strip of Object.values(strips)) {
    strip.meter?.close();
    strip.meter = null;
  }
  sound.srcObject = null;
  ended.context.close();
  setSpeaking("caller", false);
  setSpeaking("bot", false);
  setBotState("Not here");
  enableComposer(false);
  muteButton.hidden = true;
  muteButton.setAttribute("aria-pressed", "false");
  muteButton.textContent = "Mute";
  callButton.textContent = "Start talking";
  setStatus(state, state === "failed" ? "The call ended" : "Not in the call");
}

/** Null when there is no microphone or it was refused; the page says so and goes on without. */
async function openMicrophone() {
  if (!navigator.mediaDevices) {
    showAlert("This browser gives the microphone only to secure pages. Open the page by localhost or https.");
    return null;
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    showAlert(describeMicrophoneError(error));
    return null;
  }
}

function describeMicrophoneError({ name, message }) {
  if (name === "NotAllowedError") {
    return "The microphone was refused. Allow it for this page in the browser's address bar and start again; until then you can listen and type.";
  }
  if (name === "NotFoundError") return "No microphone was found. You can listen and type.";
  if (name === "NotReadableError") return "Another program holds the microphone. You can listen and type.";
  return `The microphone cannot be used: ${message}. You can listen and type.`;
}

function meterOf(context, stream) {
  const meter = new LevelMeter(context);
  meter.add(stream);
  return meter;
}

function hear(stream) {
  if (!call || call.heard.has(stream.id)) return;
  call.heard.set(stream.id, stream);
  setBotState("Here");
  strips.bot.meter ??= new LevelMeter(call.context);
  strips.bot.meter.add(stream);
  // An audio element plays one stream: that of all tracks together.
  sound.srcObject ??= new MediaStream();
  for (const track of stream.getAudioTracks()) sound.srcObject.addTrack(track);
  sound
    .play()
    .catch(() => showAlert("The browser holds back the sound. Click anywhere on the page to hear the bot."));
  document.addEventListener("click", () => sound.play().catch(() => {}), { once: true });
}

function receive(message) {
  if (message?.type === "transcript") transcript.add(message);
  else if (message?.type === "speech") setSpeaking("caller", message.on === true);
  else if (message?.type === "state" && typeof message.value === "string") {
    setBotState(message.value);
    setSpeaking("bot", /speaking|answering|greeting|talking/i.test(message.value));
  }
}

function sendLine(event) {
  event.preventDefault();
  const input = element("line");
  const text = input.value.trim();
  if (!text || !call) return;
  const [, name, rest] = /^\/(\S+)\s*(.*)$/.exec(text) ?? [null, "say", text];
  const sent = call.client.sendMessage({ type: "command", name, ...(rest ? { text: rest } : {}) });
  if (!sent) return showAlert("The bot's data channel is not open; the line was not sent.");
  input.value = "";
}

function toggleMute() {
  const track = call?.microphone?.getAudioTracks()[0];
  if (!track) return;
  track.enabled = !track.enabled;
  muteButton.setAttribute("aria-pressed", String(!track.enabled));
  muteButton.textContent = track.enabled ? "Mute" : "Unmute";
}

function listenToFeed() {
  feed = new WebSocket(`${socketBase}/feed`);
  feed.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "snapshot") {
      actors.reset(message.actors);
      tracks.reset(message.tracks);
      if (!call) for (const line of message.transcript) if (isOurs(line)) transcript.add(line);
    } else if (message.type === "actor") actors.update(message);
    else if (message.type === "track") tracks.update(message);
    else if (message.type === "level" && message.track) tracks.level(message);
    else if (message.type === "audio") tracks.audio(message);
    // In a call the bot itself tells what was said; the feed is for those who watch.
    else if (message.type === "transcript" && !call && isOurs(message)) transcript.add(message);
  };
  feed.onclose = () => {
    actors.reset([]);
    tracks.reset([]);
    setTimeout(listenToFeed, FEED_RETRY_MS);
  };
}

function isOurs({ channel }) {
  return channel === undefined || channel === channelId;
}

function drawLevels(now) {
  for (const strip of Object.values(strips)) strip.draw(now);
  tracks.draw(now);
  requestAnimationFrame(drawLevels);
}

function setSpeaking(who, on) {
  strips[who].speaking = on;
  element(`voice-${who}`).dataset.speaking = String(on);
  if (who === "caller") element("speech").textContent = on ? "Speaking" : "Silent";
}

function setBotState(text) {
  element("bot-state").textContent = text;
}

function setStatus(state, text) {
  const status = element("status");
  status.dataset.state = state;
  status.textContent = text;
}

function enableComposer(on) {
  for (const control of element("composer").elements) control.disabled = !on;
}

function showAlert(text) {
  const alert = element("alert");
  alert.textContent = text;
  alert.hidden = text === "";
}
