import { z } from "zod";
import { parseOptions } from "../core/index.ts";
import type { TransceiverOptions } from "./types.ts";

/** Stream ids and mids go into SDP as they are: no space and no line end may be in them. */
const token = z.string().regex(/^[\x21-\x7e]{1,256}$/, "1 to 256 printable ASCII characters without space");
const attribute = z.string().regex(/^[\x20-\x7e]{0,1024}$/, "printable ASCII characters");

const codec = z.object({
  payloadType: z.int().min(0).max(127),
  name: z.string().regex(/^[a-z0-9.-]{1,64}$/, "a codec name in lower case"),
  clockRate: z.int().min(1).max(1_000_000),
  channels: z.int().min(1).max(255),
  format: attribute.optional(),
  feedback: z.array(attribute).max(32).optional(),
  packetMs: z.number().min(1).max(1000).optional(),
  maximumPacketMs: z.number().min(1).max(1000).optional(),
});

const schema = z.object({
  kind: z.enum(["audio", "video"]),
  direction: z.enum(["sendrecv", "sendonly", "recvonly", "inactive"]),
  streamId: z.union([token, z.literal("")]).optional(),
  codecs: z.array(codec).min(1).max(64).optional(),
  opus: z
    .custom<TransceiverOptions["opus"]>((value) => value === undefined || typeof value === "object")
    .optional(),
  redundancy: z.int().min(0).max(2).optional(),
  mid: token.optional(),
  noSender: z.boolean().optional(),
  rids: z
    .array(z.string().regex(/^[a-zA-Z0-9]{1,15}$/, "1 to 15 letters or digits"))
    .max(4)
    .optional(),
  maximumBitRate: z.int().min(0).max(1_000_000_000).optional(),
});

/** @throws TroupeError INVALID_OPTION that names the field. */
export function checkTransceiverOptions(options: TransceiverOptions): TransceiverOptions {
  return parseOptions(schema, options, "transceiver");
}
