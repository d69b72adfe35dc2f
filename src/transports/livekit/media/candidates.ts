import { type SignalTarget, TrickleRequest } from "@livekit/protocol";
import type { RtcConfiguration } from "./MediaPath.ts";

/** Whether the server is not to learn this candidate of ours. */
export function isHidden(candidate: string, { iceTransportType }: RtcConfiguration): boolean {
  return iceTransportType === "noHost" && / typ host( |$)/.test(candidate);
}

/** A description of ours without the candidates that the server is not to learn. */
export function withoutHidden(sdp: string, configuration: RtcConfiguration): string {
  const isKept = (line: string) => !line.startsWith("a=candidate:") || !isHidden(line, configuration);
  return sdp.split("\r\n").filter(isKept).join("\r\n");
}

/** A candidate of ours as the server is told of it; an empty one is the end of them. */
export function trickleOf(candidate: string, mid: string, target: SignalTarget): TrickleRequest {
  const candidateInit = JSON.stringify({ candidate, sdpMid: mid, sdpMLineIndex: 0 });
  return new TrickleRequest({ candidateInit, target, final: candidate === "" });
}

/** The candidate that the server tells of; undefined for what is none. */
export function candidateOf({ candidateInit }: TrickleRequest): string | undefined {
  try {
    const init: unknown = JSON.parse(candidateInit);
    const candidate = (init as { candidate?: unknown } | null)?.candidate;
    return typeof candidate === "string" ? candidate : undefined;
  } catch {
    return undefined;
  }
}
