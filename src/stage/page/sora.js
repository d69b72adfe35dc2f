// A small Sora client for one call: audio both ways and one data channel. It answers what the stage offers.

const LABEL = "#troupe";
const CONNECT_TIMEOUT_MS = 20_000;

/**
 * Events: `track` (detail: MediaStream), `message` (detail: object from the data channel), `open` (the data
 * channel can send), `members` (detail: how many are in the channel), `closed` (detail: reason).
 */
export class SoraClient extends EventTarget {
  #socket;
  #peer = null;
  #channel = null;
  #microphone;
  #closed = false;
  #connectionId = "";
  #joined;
  #steps = Promise.resolve();

  /** @param {{ url: string, channelId: string, microphone: MediaStreamTrack | null }} options */
  constructor({ url, channelId, microphone }) {
    super();
    this.#microphone = microphone;
    this.#joined = Promise.withResolvers();
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#send(connectMessage(channelId, microphone !== null));
    this.#socket.onmessage = ({ data }) => this.#enqueue(JSON.parse(data));
    this.#socket.onclose = ({ reason, code }) => this.#end(reason || `The connection closed (${code})`);
  }

  /** Settles when the call is up, or with the reason why it is not. */
  async joined() {
    const timer = setTimeout(() => this.#end("The stage did not connect in time"), CONNECT_TIMEOUT_MS);
    try {
      await this.#joined.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** False when the bot's data channel is not open. */
  sendMessage(message) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  close() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#send({ type: "disconnect", reason: "NO-ERROR" });
    this.#end("");
  }

  /** Messages change the peer connection, so one waits for the other. */
  #enqueue(message) {
    this.#steps = this.#steps
      .then(() => (this.#closed ? undefined : this.#receive(message)))
      .catch((error) => this.#end(`The call failed: ${error.message}`));
  }

  async #receive(message) {
    switch (message.type) {
      case "offer":
        this.#connectionId = message.connection_id;
        this.#openPeer(message.config);
        return this.#answer(message, "answer");
      case "re-offer":
        return this.#answer(message, "re-answer");
      case "ping":
        return this.#send({ type: "pong" });
      case "notify":
        return this.#notified(message);
    }
  }

  #openPeer(config) {
    const peer = new RTCPeerConnection(config);
    this.#peer = peer;
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#send({ type: "candidate", ...candidate.toJSON() });
    };
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed") this.#end("The network connection to the stage is lost");
    };
    peer.ontrack = ({ streams }) => {
      if (streams[0]) this.#emit("track", streams[0]);
    };
    peer.ondatachannel = ({ channel }) => {
      if (channel.label === LABEL) this.#openChannel(channel);
    };
  }

  #openChannel(channel) {
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => {
      const text = typeof data === "string" ? data : new TextDecoder().decode(data);
      try {
        this.#emit("message", JSON.parse(text));
      } catch {
        // Another party's message may be anything; it is not for this page.
      }
    };
    if (channel.readyState === "open") this.#emit("open");
    else channel.onopen = () => this.#emit("open");
  }

  async #answer({ sdp, mid }, type) {
    const peer = this.#peer;
    await peer.setRemoteDescription({ type: "offer", sdp });
    const upstream = mid?.audio && peer.getTransceivers().find((one) => one.mid === mid.audio);
    if (upstream && this.#microphone) {
      upstream.direction = "sendonly";
      await upstream.sender.replaceTrack(this.#microphone);
    }
    await peer.setLocalDescription();
    this.#send({ type, sdp: peer.localDescription.sdp });
  }

  #notified(message) {
    if (typeof message.channel_connections === "number") this.#emit("members", message.channel_connections);
    if (message.event_type === "connection.created" && message.connection_id === this.#connectionId) {
      this.#joined.resolve();
    }
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #end(reason) {
    if (this.#closed) return;
    this.#closed = true;
    this.#peer?.close();
    this.#socket.close();
    this.#joined.reject(new Error(reason || "The call ended"));
    this.#joined.promise.catch(() => {});
    this.#emit("closed", reason);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function connectMessage(channelId, withMicrophone) {
  return {
    type: "connect",
    role: withMicrophone ? "sendrecv" : "recvonly",
    channel_id: channelId,
    sora_client: "Troupe page",
    audio: { codec_type: "OPUS" },
    video: false,
    data_channels: [{ label: LABEL, direction: "sendrecv", ordered: true, compress: false }],
  };
}
