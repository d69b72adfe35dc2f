// The stage: a local Sora with an API and a web page, for bots on a laptop and in tests; an avatar service and a caller
// of the Audio Connector beside it.
export type { MediaOverrides } from "./accessToken.ts";
export {
  AudioConnectorCaller,
  type AudioConnectorCallerEvents,
  type AudioConnectorCallerOptions,
} from "./audioConnector/AudioConnectorCaller.ts";
export type { FarPlayoutReport } from "./audioConnector/FarPlayout.ts";
export { AvatarService, type AvatarServiceOptions } from "./avatar/AvatarService.ts";
export type { AvatarFault, AvatarFaultPhase } from "./avatar/faults.ts";
export type { AvatarLimits } from "./avatar/limits.ts";
export type { PerformedRequest } from "./avatar/Performance.ts";
export type { AvatarRoom, JoinRoom } from "./avatar/RoomEgress.ts";
export type { ServedSession } from "./avatar/ServedSession.ts";
export type { AuthenticateRequest, AuthenticateResult } from "./Entrance.ts";
export { FeedPublisher } from "./FeedPublisher.ts";
export type { FeedMessage } from "./feed.ts";
export type { StageLimits } from "./limits.ts";
export type { RpcCaller, RpcMethod } from "./rpc.ts";
export { SessionView, type ShownSession, type ShownTrack } from "./SessionView.ts";
export { Stage, type StageOptions } from "./Stage.ts";
