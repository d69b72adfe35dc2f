import type { CallLink } from "./Attempt.ts";
import { type CallSocket, CloseCode } from "./CallSocket.ts";
import { type CallSampleRate, parseFarMessage } from "./wire.ts";

/** A far side that has begun. */
export interface BegunCall {
  link: CallLink;
  /** What the first message held beside the format. */
  customData: Record<string, unknown>;
}

/**
 * Waits for the first message and gives what it says; a far side that begins with something else than the start has
 * the default rate. Gives nothing when the socket closes first, which it is made to do at the deadline.
 */
export function beginCall(
  socket: CallSocket,
  { handshakeMs, sampleRate }: { handshakeMs: number; sampleRate: CallSampleRate },
  done: (begun: BegunCall | undefined) => void,
): void {
  const timer = setTimeout(() => socket.close(CloseCode.policy, "nothing came"), handshakeMs);
  const end = (begun: BegunCall | undefined) => {
    clearTimeout(timer);
    socket.listen(null);
    done(begun);
  };
  socket.listen({
    text: (text) => end(beginWithText(socket, text, sampleRate)),
    audio: (audio) => end({ link: { socket, sampleRate, first: { audio }, isJson: false }, customData: {} }),
    failed: () => {},
    closed: () => end(undefined),
  });
}

function beginWithText(socket: CallSocket, text: string, sampleRate: CallSampleRate): BegunCall {
  const message = parseFarMessage(text);
  if (message.type !== "start") {
    return {
      link: { socket, sampleRate, first: { text }, isJson: message.type === "audio" },
      customData: {},
    };
  }
  const link = { socket, sampleRate: message.sampleRate ?? sampleRate, first: undefined, isJson: false };
  return { link, customData: message.fields };
}
