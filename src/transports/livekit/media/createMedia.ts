import type { JoinResponse } from "@livekit/protocol";
import { hasRelay } from "../../../webrtc/index.ts";
import type { AttemptContext } from "../AttemptContext.ts";
import { ConnectError } from "../errors.ts";
import { isRelayOnly } from "../options.ts";
import { DualConnectionMedia } from "./DualConnectionMedia.ts";
import type { MediaListener, MediaPath } from "./MediaPath.ts";
import { SingleConnectionMedia } from "./SingleConnectionMedia.ts";

/**
 * The media path of a membership, in the form in which it was joined.
 *
 * @throws ConnectError `noRelay` when media may go by relays alone and there is none.
 */
export function createMedia(context: AttemptContext, join: JoinResponse, listener: MediaListener): MediaPath {
  const { settings, clock, log, createSession } = context;
  const configuration = settings.rtcConfiguration;
  const parts = { clock, log, configuration };
  const iceServers = iceServersOf(context, join);
  const isRelayed = isRelayOnly(settings);
  if (isRelayed && !hasRelay(iceServers)) {
    throw new ConnectError("noRelay", "Media may go by TURN servers alone, but the server named none");
  }
  const publisher = createSession(iceServers, isRelayed, "offerer");
  if (context.form === "single") return new SingleConnectionMedia(publisher, listener, parts);
  const subscriber = createSession(iceServers, isRelayed, "answerer");
  return new DualConnectionMedia({ publisher, subscriber }, listener, parts, join.subscriberPrimary);
}

function iceServersOf({ settings }: AttemptContext, join: JoinResponse) {
  const own = settings.rtcConfiguration.iceServers;
  const servers = own.length > 0 ? own : join.iceServers.filter(({ urls }) => urls.length > 0);
  return servers.map(({ urls, username, credential }) => ({
    urls,
    username: username || undefined,
    credential: credential || undefined,
  }));
}
