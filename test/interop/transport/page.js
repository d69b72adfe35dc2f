// A peer connection of the browser that sends back what it hears and what comes on its data channels.
const connections = new Map();
let nextConnection = 1;

/** Makes one; `report(number, candidate, mid)` hears of its candidates. Gives its number. */
window.create = async () => {
  const number = nextConnection++;
  const connection = new RTCPeerConnection();
  const channels = new Map();
  connections.set(number, { connection, channels });
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.candidate) window.report(number, candidate.candidate, candidate.sdpMid);
  });
  connection.addEventListener("datachannel", ({ channel }) => echo(channels, channel));
  connection.addEventListener("track", ({ track, transceiver }) => {
    transceiver.direction = "sendrecv";
    // Chromium decodes a remote track only while something plays it.
    const player = new Audio();
    player.muted = true;
    player.srcObject = new MediaStream([track]);
    player.play();
    return transceiver.sender.replaceTrack(track);
  });
  return number;
};

window.answer = async (number, sdp) => {
  const { connection } = connections.get(number);
  await connection.setRemoteDescription({ type: "offer", sdp });
  for (const transceiver of connection.getTransceivers()) transceiver.direction = "sendrecv";
  await connection.setLocalDescription(await connection.createAnswer());
  return connection.localDescription.sdp;
};

window.offer = async (number, options) => {
  const { connection, channels } = connections.get(number);
  if (connection.getTransceivers().length === 0)
    connection.addTransceiver("audio", { direction: "sendrecv" });
  if (channels.size === 0) echo(channels, connection.createDataChannel("theirs"));
  await connection.setLocalDescription(await connection.createOffer(options));
  return connection.localDescription.sdp;
};

window.acceptAnswer = (number, sdp) =>
  connections.get(number).connection.setRemoteDescription({ type: "answer", sdp });

window.addCandidate = (number, candidate, sdpMid) =>
  connections.get(number).connection.addIceCandidate({ candidate, sdpMid });

window.open = (number, label, { maxPacketLifeTimeMs, id, ...kind }) => {
  const { connection, channels } = connections.get(number);
  if (channels.has(label)) return;
  const life = maxPacketLifeTimeMs === undefined ? {} : { maxPacketLifeTime: maxPacketLifeTimeMs };
  const negotiated = id === undefined ? {} : { negotiated: true, id };
  echo(channels, connection.createDataChannel(label, { ...kind, ...life, ...negotiated }));
};

window.closeChannel = (number, label) => connections.get(number).channels.get(label).close();

window.state = (number) => connections.get(number).connection.connectionState;

window.stats = async (number) => [...(await connections.get(number).connection.getStats()).values()];

window.openLabels = (number) =>
  [...connections.get(number).channels.values()]
    .filter(({ readyState }) => readyState === "open")
    .map(({ label }) => label);

window.closeConnection = (number) => {
  connections.get(number).connection.close();
  connections.delete(number);
};

function echo(channels, channel) {
  channels.set(channel.label, channel);
  channel.binaryType = "arraybuffer";
  channel.addEventListener("message", ({ data }) => channel.send(data));
}
