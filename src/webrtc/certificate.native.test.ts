import { X509Certificate } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import {
  makeCertificate,
  makeEcdsaCertificate,
  makeRsaCertificate,
} from "../../test/fixtures/certificate.ts";
import type { DtlsCertificate } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function create(controlling: boolean, certificate?: DtlsCertificate): NativePeerTransport {
  const transport = new NativePeerTransport({ controlling, ...(certificate ? { certificate } : {}) });
  closers.push(() => transport.close());
  return transport;
}

function fingerprintOf(transport: NativePeerTransport): string {
  return transport.localParameters().fingerprint.value;
}

describe("the certificate of a transport", () => {
  it("is one of the process where none is given", () => {
    expect(fingerprintOf(create(true))).toBe(fingerprintOf(create(false)));
  });

  it.each([
    ["ECDSA on P-256", () => makeEcdsaCertificate(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    ["ECDSA on P-384", () => makeEcdsaCertificate("P-384"), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    ["RSA", makeRsaCertificate, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
  ])("may be given: %s, for either role of DTLS", { timeout: 60_000 }, async (_, make, cipher) => {
    for (const givenToOfferer of [true, false]) {
      const pem = make();
      const offerer = create(true, givenToOfferer ? pem : undefined);
      const answerer = create(false, givenToOfferer ? undefined : pem);
      const given = givenToOfferer ? offerer : answerer;
      expect(fingerprintOf(given)).toBe(new X509Certificate(pem.certificate).fingerprint256);
      answerer.setRemoteParameters(offerer.localParameters());
      offerer.setRemoteParameters(answerer.localParameters());
      await expect
        .poll(() => [offerer.state, answerer.state], { timeout: 30_000 })
        .toEqual(["connected", "connected"]);
      const other = given === offerer ? answerer : offerer;
      expect(other.stats().remoteCertificate.fingerprint).toBe(fingerprintOf(given));
      // The server's certificate decides over the suite, and the offerer is the server here.
      if (givenToOfferer) expect(given.stats().dtlsCipher).toBe(cipher);
    }
  });

  it("fails the handshake where it is another than was announced", { timeout: 60_000 }, async () => {
    const [offerer, answerer] = [create(true, makeEcdsaCertificate()), create(false)];
    const offer = offerer.localParameters();
    // The process's own, which the answerer would rightly show itself.
    answerer.setRemoteParameters({ ...offer, fingerprint: answerer.localParameters().fingerprint });
    offerer.setRemoteParameters(answerer.localParameters());
    await expect.poll(() => answerer.state, { timeout: 30_000 }).toBe("failed");
    expect(answerer.stats().srtpCipher).toBe("");
  });

  it("is refused with a reason that tells nothing of the key", () => {
    const [one, other] = [makeEcdsaCertificate(), makeEcdsaCertificate()];
    const encrypted = makeCertificate("-newkey", "rsa:2048", "-passout", "pass:secret");
    const wrong: [what: DtlsCertificate, message: RegExp][] = [
      [{ certificate: one.certificate, key: other.key }, /the private key of the certificate/],
      [{ certificate: "", key: one.key }, /a certificate in PEM/],
      [{ certificate: one.key, key: one.key }, /a certificate in PEM/],
      [{ certificate: one.certificate, key: one.certificate }, /a private key in PEM/],
      [encrypted, /not encrypted/],
      [makeCertificate("-newkey", "rsa:1024", "-nodes"), /2048 bits/],
      [makeCertificate("-newkey", "ed25519", "-nodes"), /ECDSA/],
      [makeEcdsaCertificate("secp256k1"), /P-256/],
    ];
    for (const [certificate, message] of wrong) {
      const refused = expect(() => create(true, certificate));
      refused.toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) }),
      );
      refused.toThrow(expect.objectContaining({ message: expect.not.stringContaining("PRIVATE") }));
    }
  });
});
