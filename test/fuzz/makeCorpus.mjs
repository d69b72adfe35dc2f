// Writes the seeds of the C++ fuzz targets to test/fuzz/corpus/<target>: packets as they are on the wire, and short
// series of them. The files are checked in; run this again after changing it.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "corpus");

function rtp({
  first = 0x80,
  payloadType = 111,
  number = 1,
  timestamp = 960,
  ssrc = 1,
  more = [1, 2, 3],
} = {}) {
  const header = Buffer.alloc(12);
  header[0] = first;
  header[1] = payloadType;
  header.writeUInt16BE(number, 2);
  header.writeUInt32BE(timestamp, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, Buffer.from(more)]);
}

const oneByte = [0xbe, 0xde, 0, 2, 0x10, 0x30, 0x20, 0x9e, 0x51, 0x12, 0x34, 0, 9, 9, 9];
const twoByte = [0x10, 0, 0, 2, 1, 2, 0x61, 0x30, 20, 0, 0, 0, 9, 9];

const rtpPackets = {
  plain: rtp(),
  "one-byte-extensions": rtp({ first: 0x90, more: oneByte }),
  "two-byte-extensions": rtp({ first: 0x90, more: twoByte }),
  padded: rtp({ first: 0xa0, more: [1, 2, 0, 0, 3] }),
  "with-csrcs": rtp({ first: 0x92, more: [0, 0, 0, 1, 0, 0, 0, 2, ...oneByte] }),
};

const block = [0, 0, 0, 2, 64, 0, 0, 5, 0, 1, 0, 2, 0, 0, 0, 7, 1, 2, 3, 4, 0, 0, 1, 0];
const senderReport = [0x81, 200, 0, 12, 0, 0, 0, 1, ...Array(20).fill(5), ...block];
const receiverReport = [0x81, 201, 0, 7, 0, 0, 0, 1, ...block];
const cname = [0x81, 202, 0, 3, 0, 0, 0, 1, 1, 4, 0x74, 0x65, 0x73, 0x74, 0, 0].slice(0, 16);
const bye = [0x81, 203, 0, 2, 0, 0, 0, 1, 3, 0x65, 0x6e, 0x64];
const nack = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0x80, 1];
const pictureLoss = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
const intra = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0];

const rtcpPackets = {
  "sender-report": Buffer.from([...senderReport, ...cname]),
  "receiver-report": Buffer.from([...receiverReport, ...cname, ...bye]),
  feedback: Buffer.from([...receiverReport, ...nack, ...pictureLoss, ...intra]),
  unknown: Buffer.from([0x80, 207, 0, 1, 1, 2, 3, 4, ...pictureLoss]),
  padded: Buffer.from([0xa1, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4]),
};

// Three bytes of options, then a byte per step: 0x40 reads, the lower bits move the stream (see the target).
const delays = [20, 100, 1];
const steps = (...how) => Buffer.from([...delays, ...how]);
const jitterBufferSeries = {
  even: steps(...Array(60).fill(0x4c)),
  "loss-and-reordering": steps(...Array(20).fill([0x4c, 0x4b, 2, 0x4b, 0xfc, 0x4c]).flat()),
  restarts: steps(
    ...Array(10).fill([0x4c, 0x4c, 0x48, 0x12, 0x34, 0x4c, 0x4a, 2, 0x4c, 0x49, 1, 2, 3, 4]).flat(),
  ),
  pauses: steps(...Array(10).fill([0x4c, 0xcc, 0x20, 0, 0x4c, 0xcc, 0x0f, 0]).flat()),
};

// Four bytes of options, then per packet: time that passed, length beyond 12, the packet.
function series(packets) {
  const parts = packets.map((packet) => Buffer.concat([Buffer.from([20, packet.length - 12]), packet]));
  return Buffer.concat([Buffer.from([0x24, 19, 0x0b, 0xb7]), ...parts]);
}
const numbered = (count, from, options) =>
  Array.from({ length: count }, (_, i) => rtp({ number: from + i, timestamp: (from + i) * 960, ...options }));
const forwarderSeries = {
  even: series(numbered(12, 65530 - 10)),
  "change-of-source": series([...numbered(5, 10), ...numbered(5, 4000, { ssrc: 0 }), ...numbered(3, 60000)]),
  extensions: series(numbered(5, 1, { first: 0x90, more: oneByte })),
  "left-out": series(numbered(5, 1, { first: 0x81, payloadType: 100, more: [0, 0, 0, 1, 9] })),
};

/** DATA_CHANNEL_OPEN (RFC 8832, section 5.1). */
function dcepOpen({ type = 0, reliability = 0, label = "#chat", protocol = "" }) {
  const message = Buffer.alloc(12);
  message.set([3, type]);
  message.writeUInt32BE(reliability, 4);
  message.writeUInt16BE(label.length, 8);
  message.writeUInt16BE(protocol.length, 10);
  return Buffer.concat([message, Buffer.from(label + protocol)]);
}
const dcepMessages = {
  reliable: dcepOpen({}),
  "unordered-retransmits": dcepOpen({ type: 0x81, reliability: 3, protocol: "json" }),
  "life-time": dcepOpen({ type: 2, reliability: 65535 }),
  "wild-reliability": dcepOpen({ type: 0x82, reliability: 0xffff_ffff, label: "" }),
  "cut-off": dcepOpen({}).subarray(0, 14),
  acknowledgement: Buffer.from([2]),
};

/** A record of DTLS 1.2 (RFC 6347, section 4.1). */
function dtlsRecord({ type = 22, epoch = 0, bytes = 5, length = bytes }) {
  const record = Buffer.alloc(13 + bytes, 7);
  record.set([type, 0xfe, 0xfd, 0, epoch]);
  record.writeUInt16BE(length, 11);
  return record;
}
const dtlsDatagrams = {
  handshake: dtlsRecord({ bytes: 60 }),
  flight: Buffer.concat([dtlsRecord({ type: 20, bytes: 1 }), dtlsRecord({ epoch: 1, bytes: 40 })]),
  application: dtlsRecord({ type: 23, epoch: 1, bytes: 50 }),
  "too-short": dtlsRecord({ type: 23, epoch: 1, bytes: 3 }),
  "cut-off": dtlsRecord({ length: 500 }),
  "with-rest": Buffer.concat([dtlsRecord({}), Buffer.from([22, 0xfe])]),
};

/** Two bytes of length before each text, one before the algorithm's. */
function remoteParameters({ ufrag = "abcd", password = "a".repeat(22), algorithm = "sha-256", fingerprint }) {
  const long = (text) => [text.length >> 8, text.length & 255, ...Buffer.from(text)];
  const texts = [...long(ufrag), ...long(password), algorithm.length, ...Buffer.from(algorithm)];
  return Buffer.from([...texts, ...long(fingerprint ?? Array(32).fill("aB").join(":"))]);
}
const descriptions = {
  usual: remoteParameters({}),
  "with-space": remoteParameters({ ufrag: "ab cd" }),
  "short-password": remoteParameters({ password: "short" }),
  "other-digest": remoteParameters({ algorithm: "md5", fingerprint: "AA" }),
  "odd-fingerprint": remoteParameters({ fingerprint: "AA:BB:C" }),
};

const datagrams = {
  stun: Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...Array(12).fill(7)]),
  channel: Buffer.from([0x40, 0, 0, 4, 1, 2, 3, 4]),
  dtls: dtlsDatagrams.flight,
  rtp: rtpPackets["one-byte-extensions"],
  rtcp: rtcpPackets.feedback,
};

const targets = {
  PacketKindFuzz: datagrams,
  RemoteParametersFuzz: descriptions,
  DtlsRecordsFuzz: dtlsDatagrams,
  DcepFuzz: dcepMessages,
  RtpPacketFuzz: rtpPackets,
  RtcpPacketFuzz: rtcpPackets,
  JitterBufferFuzz: jitterBufferSeries,
  ForwarderFuzz: forwarderSeries,
};
for (const [target, seeds] of Object.entries(targets)) {
  mkdirSync(join(root, target), { recursive: true });
  for (const [name, bytes] of Object.entries(seeds)) writeFileSync(join(root, target, `${name}.bin`), bytes);
}
