import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";
import { Engine, type EngineFrameRelay, type EngineFrameTransform } from "../native/index.ts";
import { type FrameDirection, FrameTransform } from "./FrameTransform.ts";

/** Of an RTP packet without contributing sources and extensions (RFC 3550, section 5.1). */
const HEADER_BYTES = 12;
/** What still fits into a packet with everything around it. */
const MAXIMUM_FRAME_BYTES = 1_100;

const optionsSchema = z.strictObject({
  maximumHoldMs: z.int("10 to 5000").min(10, "10 to 5000").max(5_000, "10 to 5000").default(500),
  maximumFrames: z.int("1 to 1024").min(1, "1 to 1024").max(1_024, "1 to 1024").default(64),
});

/** How long frames may stay away. */
export interface EncodedAudioTransformOptions {
  /** A frame that is enqueued later than this is dropped and counted, in ms: 10 to 5000, 500 when left out. */
  maximumHoldMs?: number;
  /** Frames of one track that are away at most, 1 to 1024; the oldest makes room. 64 when left out. */
  maximumFrames?: number;
}

/** What an {@link EncodedAudioTransform} reports. */
export type EncodedAudioTransformEvents = {
  /** A frame to change, drop or keep for a while; it goes on with {@link EncodedAudioTransform.enqueue}. */
  frame: [frame: EncodedAudioFrame];
};

/**
 * One encoded frame on its way, as WebRTC's encoded transform has it
 * (https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedAudioFrame).
 */
export class EncodedAudioFrame {
  /** What is sent or decoded; change it in place or set another one, of 1 to 1100 bytes. */
  data: Uint8Array;
  readonly direction: FrameDirection;
  readonly ssrc: number;
  /** Of RTP, in units of the codec's clock: Opus has 48000 a second. */
  readonly timestamp: number;
  /** Of RTP; says which codec the data is of. */
  readonly payloadType: number;
  /** Of the packet that brought it; undefined of an outgoing frame, which gets its number when it is sent. */
  readonly sequenceNumber: number | undefined;
  readonly #number: number;
  #relay: EngineFrameRelay | null;

  /** For EncodedAudioTransform. `packet` is an RTP header and the frame. */
  constructor(relay: EngineFrameRelay, direction: FrameDirection, number: number, packet: Uint8Array) {
    const header = new DataView(packet.buffer, packet.byteOffset, HEADER_BYTES);
    this.payloadType = header.getUint8(1) & 0x7f;
    this.sequenceNumber = direction === "incoming" ? header.getUint16(2) : undefined;
    this.timestamp = header.getUint32(4);
    this.ssrc = header.getUint32(8);
    this.direction = direction;
    this.data = packet.slice(HEADER_BYTES);
    this.#number = number;
    this.#relay = relay;
  }

  /** For EncodedAudioTransform. */
  passOn(): boolean {
    const relay = this.#relay;
    this.#relay = null;
    return relay?.enqueue(this.#number, this.data) ?? false;
  }
}

/**
 * Your own code on the encoded frames of tracks, both ways. A frame comes as an event and goes on when it is enqueued,
 * at once or later; what is not enqueued is dropped. Frames cross to the event loop once in 10 ms, and no thread of
 * the engine waits for them: while the event loop is blocked, frames wait, and those that waited too long are dropped.
 * What the way costs in time counts as jitter, so a received stream is heard later by it. {@link AudioEncryption}
 * stays in the engine and costs none.
 *
 * @example
 * const transform = new EncodedAudioTransform();
 * transform.on("frame", (frame) => {
 *   for (let at = 1; at < frame.data.length; at++) frame.data[at]! ^= 0x5a;
 *   transform.enqueue(frame);
 * });
 * connection.setTransform(transform);
 */
export class EncodedAudioTransform extends FrameTransform<EncodedAudioTransformEvents> {
  readonly #options: Required<EncodedAudioTransformOptions>;

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: EncodedAudioTransformOptions = {}) {
    super();
    this.#options = parseOptions(optionsSchema, options, "options");
  }

  /**
   * Lets a frame go on, each once. Outgoing frames go in the order of their timestamps: one older than what was sent
   * is late. False when it came too late, was enqueued before, or its track is gone.
   *
   * @throws TroupeError INVALID_OPTION when its data is empty or longer than 1100 bytes.
   */
  enqueue(frame: EncodedAudioFrame): boolean {
    const { data } = frame;
    if (!(data instanceof Uint8Array) || data.length === 0 || data.length > MAXIMUM_FRAME_BYTES) {
      const received = data instanceof Uint8Array ? `${data.length} bytes` : `a ${typeof data}`;
      const expected = `a Uint8Array of 1 to ${MAXIMUM_FRAME_BYTES} bytes`;
      throw new TroupeError(
        "INVALID_OPTION",
        `Expected ${expected} for frame.data but received ${received}`,
        {
          field: "frame.data",
        },
      );
    }
    return frame.passOn();
  }

  protected override createStream(direction: FrameDirection): EngineFrameTransform {
    const relay = Engine.shared().createFrameRelay(this.#options);
    relay.events.on("frame", (number, packet) =>
      this.emit("frame", new EncodedAudioFrame(relay, direction, number, packet)),
    );
    return relay;
  }
}
