import { AccessToken, type VideoGrant } from "livekit-server-sdk";

export { LiveKitServer } from "../../../src/cli/bench/livekit/LiveKitServer.ts";

/** As an agent's, whose transcriptions the server passes on. */
export async function agentToken(identity: string, room: string): Promise<string> {
  const access = new AccessToken("devkey", "secret", { identity });
  access.kind = "agent";
  access.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true, agent: true });
  return access.toJwt();
}

/** A token for a room, with every right that a grant does not take away. */
export async function token(
  identity: string,
  room: string,
  grant: VideoGrant = {},
  ttl = 600,
): Promise<string> {
  const access = new AccessToken("devkey", "secret", { identity, ttl });
  access.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true, ...grant });
  return access.toJwt();
}
