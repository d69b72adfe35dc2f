import { isIP } from "node:net";
import { z } from "zod";
import { pemCertificates, pemText, pemTextOf } from "../core/index.ts";
import { loadBinding, type TransportOptions } from "../native/index.ts";

const MAXIMUM_ENTRIES = 64;

const port = z.int("1 to 65535").min(1, "1 to 65535").max(65_535, "1 to 65535");

const address = z.string("an IP address").refine((text) => isIP(text) !== 0, "an IP address");

function isRange(text: string): boolean {
  const [base = "", bits, ...rest] = text.split("/");
  const family = isIP(base);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

const portRange = z
  .strictObject({ minimum: port, maximum: port }, { error: "an object of minimum and maximum" })
  .refine(({ minimum, maximum }) => minimum <= maximum, {
    error: "a maximum that is not below the minimum",
  });

const tls = z.strictObject(
  {
    /** Authorities to trust in place of the system's, as PEM. */
    caCertificate: pemCertificates.optional(),
    /** Takes any certificate: for servers of your own under test. False by default. */
    insecure: z.boolean("a boolean").optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const certificate = z
  .strictObject(
    {
      /** Of ECDSA (P-256, P-384, P-521) or RSA (2048 bits or more); of a chain the first alone is used. */
      certificate: pemText,
      /** Its private key, not encrypted. */
      key: pemText,
    },
    { error: (issue) => knownKeys(issue) },
  )
  .superRefine(({ certificate, key }, context) => {
    const given = { certificate: pemTextOf(certificate), key: pemTextOf(key) };
    const fault = loadBinding().transportCertificateFault(given);
    if (fault) context.addIssue({ code: "custom", path: [fault.field], message: fault.expected });
  });

const codePoint = z.int("0 to 63").min(0, "0 to 63").max(63, "0 to 63").optional();

const MARKS = "a boolean, or an object of audio, video and data, each 0 to 63";

const dscp = z.union(
  [
    z.boolean(),
    z.strictObject(
      {
        /** Of audio, and of RTCP; 46 (EF) when left out. */
        audio: codePoint,
        /** 36 (AF42) when left out. */
        video: codePoint,
        /** Of data channels, and of the DTLS handshake; 0 (best effort) when left out. */
        data: codePoint,
      },
      { error: MARKS },
    ),
  ],
  { error: MARKS },
);

/**
 * How ICE (RFC 8445) uses the networks of this machine: what a bot behind a firewall, behind one-to-one NAT or on several
 * networks sets. Everything may be left out: then ICE gathers on all addresses, over UDP, on any port.
 */
export const networkSchema = z.strictObject(
  {
    /** Whether media goes by TURN servers alone, so that nobody learns an address of this machine. False by default. */
    relayOnly: z.boolean("a boolean").optional(),
    /** ICE over TCP (RFC 6544) besides UDP, for networks that let no UDP out. False by default. */
    iceTcp: z.boolean("a boolean").optional(),
    /** Names of the interfaces to gather on, such as `eth0`; all when left out. */
    interfaces: z
      .array(z.string("an interface's name").min(1, "an interface's name").max(64, "a shorter name"), {
        error: "an array of interface names",
      })
      .min(1, "at least one interface (left out, all are taken)")
      .max(MAXIMUM_ENTRIES, `at most ${MAXIMUM_ENTRIES}`)
      .optional(),
    /** Ranges of the addresses to gather on, such as `10.0.0.0/8` or `2001:db8::/32`; all when left out. */
    addressRanges: z
      .array(z.string("a range such as 10.0.0.0/8").refine(isRange, "a range such as 10.0.0.0/8"), {
        error: "an array of address ranges",
      })
      .min(1, "at least one range (left out, all addresses are taken)")
      .max(MAXIMUM_ENTRIES, `at most ${MAXIMUM_ENTRIES}`)
      .optional(),
    /** By local address what the far side is told in its place, where one-to-one NAT stands before this machine. */
    externalAddresses: z
      .record(address, address, { error: "an object of local and external IP addresses" })
      .refine((map) => Object.keys(map).length <= MAXIMUM_ENTRIES, `at most ${MAXIMUM_ENTRIES} addresses`)
      .refine(
        (map) => Object.entries(map).every(([local, external]) => isIP(local) === isIP(external)),
        "external addresses of the same family as the local ones",
      )
      .optional(),
    /** The local ports that ICE may take, from `minimum` to `maximum`; relays and servers choose their own. */
    portRange: portRange.optional(),
    /** For TURN servers with `turns:` addresses; signalling has options of its own. */
    tls: tls.optional(),
    /** For DTLS, in PEM; when left out one of ECDSA on P-256 that the process makes for itself. */
    certificate: certificate.optional(),
    /**
     * How packets ask the network to treat them (DSCP, RFC 2474), by kind; false asks for nothing. True, the default, has
     * the code points of RFC 8837.
     */
    dscp: dscp.optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

/** What `network` takes, in `sora()` and `livekit()` alike. */
export type NetworkOptions = z.input<typeof networkSchema>;

/** Whether a TURN server is among them, without which nothing passes where media may go by relays alone. */
export function hasRelay(iceServers: readonly { urls: readonly string[] }[]): boolean {
  return iceServers.some(({ urls }) => urls.some((url) => /^turns?:/.test(url)));
}

/** The options of a native transport that `network` stands for. */
export function transportOptionsOf(network: NetworkOptions = {}): Partial<TransportOptions> {
  const {
    relayOnly,
    iceTcp,
    interfaces,
    addressRanges,
    externalAddresses,
    portRange,
    tls,
    certificate,
    dscp,
  } = network;
  const { caCertificate, insecure } = tls ?? {};
  return {
    ...(relayOnly !== undefined && { relayOnly }),
    ...(iceTcp !== undefined && { iceTcp }),
    filter: {
      ...(interfaces && { interfaces }),
      ...(addressRanges && { networks: addressRanges }),
    },
    ...(externalAddresses && { externalAddresses }),
    ...(portRange && { portRange: [portRange.minimum, portRange.maximum] as [number, number] }),
    tls: {
      ...(caCertificate !== undefined && { certificateAuthorities: pemTextOf(caCertificate) }),
      ...(insecure !== undefined && { insecure }),
    },
    ...(certificate && {
      certificate: { certificate: pemTextOf(certificate.certificate), key: pemTextOf(certificate.key) },
    }),
    ...(dscp === false && { dscp: { audio: 0, video: 0, data: 0 } }),
    ...(typeof dscp === "object" && { dscp }),
  };
}

function knownKeys(issue: { code?: string; keys?: unknown }): string | undefined {
  if (issue.code === "unrecognized_keys")
    return `only options that exist (not ${String(issue.keys).slice(0, 80)})`;
  return issue.code === "invalid_type" ? "an object" : undefined;
}
