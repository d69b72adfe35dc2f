import { SignalRequest, SignalResponse } from "@livekit/protocol";
import type { NetworkLink, RewriteMessage } from "troupe/testing";

/**
 * Leads LiveKit's signalling through a link, whose target is the server's UDP port: the server's candidates name the
 * link alone, those of the client do not reach the server. For every client, ours or LiveKit's own.
 */
export function liveKitThrough(link: NetworkLink): RewriteMessage {
  return (message, direction) => {
    if (typeof message === "string") return message;
    return direction === "toClient" ? toClient(message, link) : toServer(message, link);
  };
}

function toClient(bytes: Buffer, link: NetworkLink): Buffer | undefined {
  const response = SignalResponse.fromBinary(bytes);
  const { message } = response;
  if (message.case === "answer" || message.case === "offer") {
    message.value.sdp = link.withoutCandidates(message.value.sdp);
  } else if (message.case === "trickle" && message.value.candidateInit) {
    const init = JSON.parse(message.value.candidateInit) as { candidate?: string };
    const candidate = init.candidate && throughLink(init.candidate, link);
    if (init.candidate && !candidate) return undefined;
    message.value.candidateInit = JSON.stringify({ ...init, candidate });
  } else return bytes;
  return Buffer.from(response.toBinary());
}

function toServer(bytes: Buffer, link: NetworkLink): Buffer | undefined {
  const request = SignalRequest.fromBinary(bytes);
  const { message } = request;
  if (message.case === "trickle") return message.value.final ? bytes : undefined;
  if (message.case !== "answer" && message.case !== "offer") return bytes;
  message.value.sdp = link.withoutCandidates(message.value.sdp);
  return Buffer.from(request.toBinary());
}

/** Undefined for a candidate that would go around the link. */
function throughLink(candidate: string, { address }: NetworkLink): string | undefined {
  const fields = candidate.split(" ");
  if (fields[2]?.toLowerCase() !== "udp" || fields[4] !== "127.0.0.1") return undefined;
  fields[4] = address.address;
  fields[5] = String(address.port);
  return fields.join(" ");
}
