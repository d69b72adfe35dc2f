export interface TransportParameters {
  iceUfrag: string;
  icePwd: string;
  iceLite?: boolean;
  /** `actpass` in offers, else `active` or `passive`. */
  setup: "actpass" | "active" | "passive";
  /** sha-256 and the like; the value in upper-case hexadecimal with colons. */
  fingerprint: { algorithm: string; value: string };
  /** Candidate attribute values, `candidate:...`. */
  candidates: string[];
  /** Largest SCTP message in bytes; 0 when there is no application m-line. */
  maxMessageSize: number;
  sctpPort: number;
}

export interface TransportOptions {
  /** The ICE controlling side is the offerer. */
  controlling: boolean;
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  /** Only by TURN servers: nobody learns an address of this machine. False when left out. */
  relayOnly?: boolean;
  /** Local addresses to gather on besides the interfaces' own; loopback is always among them. */
  addresses: string[];
  /**
   * Which of the machine's addresses to gather on: names of interfaces (`eth0`), and ranges (`10.0.0.0/8`). All when left
   * out; an address has to pass both.
   */
  filter?: { interfaces?: string[]; networks?: string[] };
  /** By local address what the far side is told in its place: behind one-to-one NAT. */
  externalAddresses?: Record<string, string>;
  /** ICE over TCP (RFC 6544) besides UDP. False when left out. */
  iceTcp?: boolean;
  /** For TURN over TLS: authorities in PEM in place of the system's, or any certificate at all (for tests only). */
  tls?: { certificateAuthorities?: string; insecure?: boolean };
  /**
   * How packets ask the network to treat them, by kind: code points (RFC 2474), 0 to 63. When left out as RFC 8837 has
   * it: audio and RTCP EF (46), video AF42 (36), data channels and DTLS nothing (0).
   */
  dscp?: { audio?: number; video?: number; data?: number };
  /**
   * For DTLS, in PEM: a certificate and its private key, of ECDSA (P-256, P-384, P-521) or RSA (2048 bits or more). When
   * left out one of ECDSA that the process makes once.
   */
  certificate?: DtlsCertificate;
  /** UDP port range; 0 for any. */
  portRange: [number, number];
}

/** A certificate and the private key that goes with it, both in PEM. */
export interface DtlsCertificate {
  certificate: string;
  key: string;
}

export type TransportState = "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";

/** The events of a transport, each with its arguments. */
export type TransportEvent =
  | [type: "candidate", candidate: string]
  | [type: "gathered"]
  | [type: "state", state: TransportState, reason: string]
  | [type: "channel", channel: number, label: string, protocol: string, ordered: boolean]
  | [type: "channelOpen", channel: number]
  | [type: "message", channel: number, data: Buffer, binary: boolean]
  | [type: "channelLow", channel: number]
  | [type: "channelClosed", channel: number, reason: string]
  | [type: "network", isPathLost: boolean];

export interface DataChannelOptions {
  ordered: boolean;
  maxRetransmits?: number;
  /** ms */
  maxPacketLifeTime?: number;
  protocol: string;
  /** Negotiated id; announced by DCEP when left out. */
  id?: number;
}

/** Packets and payload bytes of ICE's user: DTLS, SRTP and SRTCP, without headers below and without ICE's own checks. */
export interface TransportTraffic {
  bytesSent: number;
  bytesReceived: number;
  packetsSent: number;
  packetsReceived: number;
  /** What the socket refused. */
  packetsDiscardedOnSend: number;
  bytesDiscardedOnSend: number;
}

/** The Binding requests that measure the selected pair; all 0 for one over a relay or TCP. */
export interface TransportPairChecks {
  consentRequestsSent: number;
  responsesReceived: number;
  /** Seconds, of all that were answered. */
  totalRoundTripTime: number;
  /** Seconds, of the last that was answered; -1 before the first. */
  currentRoundTripTime: number;
}

/** A candidate with what it does not say itself; `""` where there is nothing to say. */
export interface TransportCandidate {
  /** `candidate:...` */
  candidate: string;
  /** Of the STUN or TURN server that it was had from. */
  url: string;
  /** How the TURN server is reached: `udp`, `tcp` or `tls`. */
  relayProtocol: string;
}

/** All `""` where there is none yet. */
export interface TransportCertificate {
  fingerprint: string;
  fingerprintAlgorithm: string;
  base64Certificate: string;
}

/** The figures of one transport, under the names of https://www.w3.org/TR/webrtc-stats/ where it has them. */
export interface TransportStats extends TransportTraffic {
  state: TransportState;
  iceState: string;
  iceRole: string;
  iceLocalUsernameFragment: string;
  iceRemoteUsernameFragment: string;
  dtlsState: string;
  dtlsRole: string;
  srtpCipher: string;
  dtlsCipher: string;
  tlsVersion: string;
  localCertificate: TransportCertificate;
  remoteCertificate: TransportCertificate;
  /** Since the selected pair of candidates is the one that it is. */
  pair: TransportTraffic & { checks: TransportPairChecks };
  selectedCandidatePairChanges: number;
  /** Milliseconds since the last packet of any kind came in; -1 before the first. */
  sinceLastPacketMs: number;
  /** Milliseconds since the last packet went out; -1 before the first. */
  sinceLastSentPacketMs: number;
  /** Of the selected pair; `""` without one. */
  localCandidate: string;
  remoteCandidate: string;
  /** Of the credentials that the pair was found with; a restart of ICE has others from its start. */
  localCandidateUfrag: string;
  remoteCandidateUfrag: string;
  localCandidates: TransportCandidate[];
  remoteCandidates: TransportCandidate[];
  /** How many data channels came to be open, and how many of those no longer are. */
  dataChannelsOpened: number;
  dataChannelsClosed: number;
  /** By reason: srtpReplay, srtpAuthentication, beforeKeys, sendFailed ... */
  drops: Record<string, number>;
  channels: {
    channel: number;
    label: string;
    protocol: string;
    id: number;
    state: string;
    messagesSent: number;
    messagesReceived: number;
    bytesSent: number;
    bytesReceived: number;
    bufferedAmount: number;
  }[];
}

/** The transport's part of the addon. */
export interface TransportBinding {
  /** Starts the I/O thread of this environment when it is the first. */
  transportCreate(options: TransportOptions, onEvent: (...event: TransportEvent) => void): number;
  /** ufrag, pwd, fingerprint and the candidates gathered so far; gathering starts with the first call. */
  transportLocalParameters(transport: number): TransportParameters;
  /** `setup` is the far side's; the role follows from it. A second call with another ufrag is a restart. */
  transportSetRemoteParameters(transport: number, parameters: TransportParameters): void;
  /** False when the candidate is not of a form that ICE here takes (it is counted). */
  transportAddRemoteCandidate(transport: number, candidate: string): boolean;
  /**
   * New ufrag and pwd, on the same sockets or on new ones (on the addresses of now; their candidates are in the next
   * local parameters). Packets take the old path until a new one is found.
   */
  transportRestartIce(transport: number, newSockets: boolean): void;
  /** From then on RTP and RTCP belong to the engine's peer (both ways); 0 detaches. */
  transportAttach(transport: number, peer: number): void;
  transportOpenChannel(transport: number, label: string, options: DataChannelOptions): number;
  /** False when the send buffer is full; the message is then not taken. */
  transportSend(transport: number, channel: number, data: Uint8Array | string): boolean;
  transportBufferedAmount(transport: number, channel: number): number;
  transportSetBufferedAmountLowThreshold(transport: number, channel: number, bytes: number): void;
  /** Asks the far side for a packet, by SCTP; does nothing where no data channels were agreed. */
  transportProbe(transport: number): void;
  transportCloseChannel(transport: number, channel: number): void;
  transportStats(transport: number): TransportStats;
  /** `sinceLastPacketMs` of the figures, without a word to the I/O thread. */
  transportSinceLastPacket(transport: number): number;
  transportClose(transport: number): void;
  /** Why `transportCreate` would not take a certificate and its key; undefined when it would. */
  transportCertificateFault(
    certificate: DtlsCertificate,
  ): { field: keyof DtlsCertificate; expected: string } | undefined;
  /**
   * Calls `onChange` whenever addresses, links or the default route of this machine may have changed, in place of what it
   * called before; null ends it. Keeps no process alive.
   */
  watchNetwork(onChange: (() => void) | null): void;
  /** Open transports and threads of this process. */
  transportHandles(): { transports: number; threads: number };
}
