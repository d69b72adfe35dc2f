import { describe, expect, it } from "vitest";
import { makeCertificate, makeEcdsaCertificate } from "../../test/fixtures/certificate.ts";
import { pemCertificates, pemPrivateKey } from "./index.ts";

const [one, other] = [makeEcdsaCertificate(), makeEcdsaCertificate()];

describe("certificates in PEM", () => {
  it.each<[string, unknown]>([
    ["a text", one.certificate],
    ["bytes", Buffer.from(one.certificate)],
    ["several, with words between them", `# one\n${one.certificate}\n# the other\n${other.certificate}`],
  ])("are taken as %s", (_, pem) => {
    expect(pemCertificates.safeParse(pem).success).toBe(true);
  });

  it.each<[string, unknown]>([
    ["nothing", ""],
    ["a file's name", "/etc/ssl/certs/ca-certificates.crt"],
    ["a key", one.key],
    ["one that is cut off", one.certificate.slice(0, 300)],
    ["one that lacks a line", one.certificate.split("\n").toSpliced(3, 1).join("\n")],
    [
      "a second one that lacks a line",
      one.certificate + other.certificate.split("\n").toSpliced(3, 1).join("\n"),
    ],
    ["bytes that are none", Buffer.from([0x30, 0x82])],
    ["a number", 5],
  ])("are not %s", (_, pem) => {
    expect(pemCertificates.safeParse(pem).success).toBe(false);
  });
});

describe("a private key in PEM", () => {
  it("is taken", () => {
    expect(pemPrivateKey.safeParse(one.key).success).toBe(true);
    expect(pemPrivateKey.safeParse(Buffer.from(one.key)).success).toBe(true);
  });

  it("is not one with a password, nor a certificate", () => {
    const encrypted = makeCertificate(
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-passout",
      "pass:a",
    );
    for (const pem of [encrypted.key, one.certificate, "", one.key.slice(0, 100)])
      expect(pemPrivateKey.safeParse(pem).success).toBe(false);
  });
});
