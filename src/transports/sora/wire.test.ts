import { describe, expect, it } from "vitest";
import { makeEcdsaCertificate } from "../../../test/fixtures/certificate.ts";
import { parseSoraOptions } from "./options.ts";
import { connectMessage, MAXIMUM_MESSAGE_BYTES, parseServerMessage } from "./wire.ts";

const settings = (options: object) =>
  parseSoraOptions({ signalingUrls: ["wss://a/s"], channelId: "lobby", role: "sendrecv", ...options });
const sent = (options: object, redirected = false) =>
  JSON.parse(JSON.stringify(connectMessage(settings(options), redirected)));

describe("a server's message", () => {
  it.each([
    ["not JSON", "{"],
    ["without a type", "[]"],
    ["without a type", "null"],
    ["without a type", '{"type":5}'],
    ["too long", `{"type":"push","data":"${"a".repeat(MAXIMUM_MESSAGE_BYTES)}"}`],
  ])("is malformed: %s", (why, text) => {
    expect(parseServerMessage(text)).toEqual({ kind: "malformed", why });
  });

  it("is malformed where a member is of the wrong type", () => {
    const parsed = parseServerMessage('{"type":"offer","sdp":5,"connection_id":"a"}');
    expect(parsed).toMatchObject({ kind: "malformed", why: expect.stringContaining("offer.sdp") });
  });

  it("is told to be unknown by its type, shortened", () => {
    const parsed = parseServerMessage(JSON.stringify({ type: "x".repeat(100) }));
    expect(parsed).toEqual({ kind: "unknown", type: "x".repeat(40) });
  });

  it("keeps members that are not known, and takes one URL as well as several", () => {
    const parsed = parseServerMessage(
      JSON.stringify({
        type: "offer",
        sdp: "v=0",
        connection_id: "C",
        version: "2025",
        config: { iceServers: [{ urls: "turn:a" }] },
      }),
    );
    expect(parsed).toMatchObject({
      message: { version: "2025", config: { iceServers: [{ urls: ["turn:a"] }] }, data_channels: [] },
    });
  });
});

describe("connect", () => {
  it("holds what the user gave under Sora's names, and nothing else", () => {
    expect(
      sent({
        clientId: "me",
        userAgent: "tests/1",
        metadata: { token: 1 },
        audio: { codecType: "OPUS", bitRate: 32, opusParams: { usedtx: true, spropStereo: true } },
        dataChannels: [{ label: "#a", direction: "sendonly", maxRetransmits: 2, compress: true }],
      }),
    ).toEqual({
      type: "connect",
      role: "sendrecv",
      channel_id: "lobby",
      client_id: "me",
      metadata: { token: 1 },
      sora_client: "tests/1",
      environment: expect.stringContaining("Node.js"),
      audio: { codec_type: "OPUS", bit_rate: 32, opus_params: { usedtx: true, sprop_stereo: true } },
      video: false,
      data_channel_signaling: true,
      data_channels: [{ label: "#a", direction: "sendonly", max_retransmits: 2, compress: true }],
    });
  });

  it("says what is to be forwarded, in Sora's form", () => {
    const filter = {
      action: "block",
      rules: [[{ field: "kind", operator: "is_in", values: ["video"] }]],
      name: "no pictures",
      priority: 1,
    };
    expect(
      sent({ spotlight: true, spotlightNumber: 3, spotlightFocusRid: "r1", forwardingFilters: [filter] }),
    ).toMatchObject({
      spotlight: true,
      spotlight_number: 3,
      spotlight_focus_rid: "r1",
      forwarding_filters: [filter],
    });
    expect(sent({ forwardingFilter: filter, audioStreamingLanguageCode: "en-US" })).toMatchObject({
      forwarding_filter: filter,
      audio_streaming_language_code: "en-US",
    });
  });

  it("keeps what is for the WebSocket alone", () => {
    const pem = makeEcdsaCertificate();
    const options = {
      tls: { insecure: true, clientCertificate: pem.certificate, clientKey: pem.key },
      proxy: { url: "http://proxy.example:3128", username: "me", password: "SECRET" },
    };
    expect(JSON.stringify(sent(options))).toBe(JSON.stringify(sent({})));
  });

  it("asks for no data channels unless told to, and says when it was redirected", () => {
    expect(sent({})).not.toHaveProperty("data_channel_signaling");
    expect(sent({}, true)).toMatchObject({ redirect: true, audio: true });
    expect(sent({ dataChannelSignaling: false })).toMatchObject({ data_channel_signaling: false });
  });
});
