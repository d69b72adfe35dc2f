import { describe, expect, it } from "vitest";
import { makeEcdsaCertificate } from "../../../test/fixtures/certificate.ts";
import { TroupeError } from "../../core/index.ts";
import { SORA_ERROR_CODES, sora, soraErrorCodeOf } from "./index.ts";
import { parseSoraOptions } from "./options.ts";

const pem = makeEcdsaCertificate();
const GOOD = { signalingUrls: ["ws://127.0.0.1:5000/signaling"], channelId: "lobby", role: "sendrecv" };

function errorOf(options: unknown): TroupeError {
  try {
    sora(options as Parameters<typeof sora>[0]);
  } catch (error) {
    if (error instanceof TroupeError) return error;
  }
  throw new Error("nothing was thrown");
}

describe("sora()", () => {
  it.each<[string, object, string]>([
    [
      "role",
      { role: "both" },
      'Expected sendonly, recvonly or sendrecv for sora.role but received "both" of type string',
    ],
    [
      "no role",
      { role: undefined },
      "Expected sendonly, recvonly or sendrecv for sora.role but received undefined",
    ],
    [
      "empty channel",
      { channelId: "" },
      'Expected a non-empty string for sora.channelId but received "" of type string',
    ],
    [
      "channel",
      { channelId: 5 },
      "Expected a non-empty string for sora.channelId but received 5 of type number",
    ],
    [
      "URL scheme",
      { signalingUrls: ["http://sora.example/signaling"] },
      'Expected a ws:// or wss:// URL for sora.signalingUrls.0 but received "http://sora.example/signaling" of type string',
    ],
    [
      "no URL",
      { signalingUrls: ["sora"] },
      'Expected a ws:// or wss:// URL for sora.signalingUrls.0 but received "sora" of type string',
    ],
    [
      "a jitter buffer without room",
      { jitterBuffer: { minimumDelayMs: 300, maximumDelayMs: 200 } },
      "Expected a maximumDelayMs of at least minimumDelayMs (20 when left out) for sora.jitterBuffer but received an object of type Object",
    ],
    [
      "the delay of a jitter buffer",
      { jitterBuffer: { minimumDelayMs: -1 } },
      "Expected 0 to 10000 (ms) for sora.jitterBuffer.minimumDelayMs but received -1 of type number",
    ],
    [
      "half a certificate",
      { tls: { clientCertificate: pem.certificate } },
      'Expected clientCertificate and clientKey together for sora.tls but received "only clientCertificate" of type string',
    ],
    [
      "a file's name in place of authorities",
      { tls: { caCertificate: "/etc/ssl/ca.pem" } },
      "Expected certificates in PEM (their text, not a file's name) for sora.tls.caCertificate but received a text of 15 characters",
    ],
    [
      "a certificate in place of a key",
      { tls: { clientCertificate: pem.certificate, clientKey: Buffer.from(pem.certificate) } },
      "Expected a private key in PEM that is not encrypted for sora.tls.clientKey but received an object of type Buffer",
    ],
    [
      "secrets in the proxy's URL",
      { proxy: { url: "http://me:secret@proxy" } },
      "Expected an http:// or https:// URL without credentials for sora.proxy.url but received a text of 22 characters",
    ],
    [
      "spotlightFocusRid",
      { spotlightFocusRid: "r9" },
      'Expected none, r0, r1 or r2 for sora.spotlightFocusRid but received "r9" of type string',
    ],
    [
      "forwarding rule",
      { forwardingFilters: [{ rules: [[{ field: "colour", operator: "is_in", values: [] }]] }] },
      'Expected connection_id, client_id or kind for sora.forwardingFilters.0.rules.0.0.field but received "colour" of type string',
    ],
    [
      "no URLs",
      { signalingUrls: [] },
      "Expected at least one URL for sora.signalingUrls but received an array of 0",
    ],
    [
      "URLs",
      { signalingUrls: "ws://a" },
      'Expected an array of ws:// or wss:// URLs for sora.signalingUrls but received "ws://a" of type string',
    ],
    [
      "label",
      { dataChannels: [{ label: "chat", direction: "sendrecv" }] },
      'Expected a label of # and 1 to 30 printable characters for sora.dataChannels.0.label but received "chat" of type string',
    ],
    [
      "direction",
      { dataChannels: [{ label: "#chat", direction: "in" }] },
      'Expected sendrecv, sendonly or recvonly for sora.dataChannels.0.direction but received "in" of type string',
    ],
    [
      "both limits",
      { dataChannels: [{ label: "#chat", direction: "sendrecv", maxRetransmits: 1, maxPacketLifeTime: 1 }] },
      "Expected maxPacketLifeTime or maxRetransmits, not both for sora.dataChannels.0 but received an object of type Object",
    ],
    [
      "the same label twice",
      {
        dataChannels: [
          { label: "#a", direction: "sendrecv" },
          { label: "#a", direction: "sendrecv" },
        ],
      },
      "Expected distinct labels for sora.dataChannels but received an array of 2",
    ],
    [
      "a misspelt option",
      { channelID: "lobby" },
      "Expected only options that exist (not channelID) for sora but received an object of type Object",
    ],
    [
      "bit rate",
      { audio: { bitRate: 32_000 } },
      "Expected 6 to 510 (kbit/s) for sora.audio.bitRate but received 32000 of type number",
    ],
    [
      "audio",
      { audio: "yes" },
      'Expected a boolean or an object of codecType, bitRate and opusParams for sora.audio but received "yes" of type string',
    ],
    [
      "metadata",
      { metadata: 1n },
      "Expected a value that fits in 64 KiB of JSON for sora.metadata but received 1 of type bigint",
    ],
    [
      "source",
      { audioSource: {} },
      "Expected an AudioSource, AudioMixer or RemoteTrack for sora.audioSource but received an object of type Object",
    ],
    [
      "source without sending",
      { role: "recvonly", audioSource: { producerEvents: {} } },
      'Expected sendonly or sendrecv, to go with audioSource for sora.role but received "recvonly" of type string',
    ],
  ])("refuses a bad option: %s", (_, options, message) => {
    const error = errorOf({ ...GOOD, ...options });
    expect(error).toMatchObject({ code: "INVALID_OPTION", message });
    expect(soraErrorCodeOf(error)).toBe("INVALID_PARAMETER");
  });

  it("refuses what is no object", () => {
    expect(errorOf(undefined).message).toBe("Expected an object for sora but received undefined");
  });

  it("fills in what is left out", () => {
    expect(parseSoraOptions(GOOD)).toMatchObject({
      audio: true,
      video: false,
      dataChannels: [],
      reconnect: true,
      timeouts: { webSocketLeaveMs: 3000, dataChannelLeaveMs: 5000 },
    });
  });

  it("names every error code of Sora's own SDK", () => {
    expect(SORA_ERROR_CODES).toContain("PEER_CONNECTION_STATE_FAILED");
    expect(soraErrorCodeOf(new Error("?"))).toBe("INTERNAL_ERROR");
    expect(soraErrorCodeOf(new TroupeError("CLOSED", "left"))).toBe("CLOSE_SUCCEEDED");
  });
});
