// The machines behind connections, tracks, sources and sinks, for people who compose statecharts of their own,
// and the feed of what every actor of this process does.
export type { AvatarDriver, AvatarLinkEvent } from "./avatar/avatar.driver.ts";
export {
  type AvatarDeadlines,
  type AvatarEvent,
  type AvatarMachineInput,
  DEFAULT_AVATAR_DEADLINES,
} from "./avatar/avatar.logic.ts";
export { avatarMachine } from "./avatar/avatar.machine.ts";
export type {
  ConnectionDriver,
  DialReason,
  DriverEvent,
  RemoteTrackInfo,
} from "./connection/connection.driver.ts";
export {
  type ConnectionDeadlines,
  type ConnectionEvent,
  type ConnectionMachineInput,
  DEFAULT_CONNECTION_DEADLINES,
  type Ending,
  type TrackEntry,
} from "./connection/connection.logic.ts";
export { connectionMachine } from "./connection/connection.machine.ts";
export type {
  EarsEmitted,
  EarsEvent,
  EarsMachineInput,
  UtteranceEvent,
  UtteranceInput,
} from "./ears/ears.logic.ts";
export { earsMachine } from "./ears/ears.machine.ts";
export {
  type ActorClock,
  type ActorReport,
  inspectActors,
  type StartOptions,
  startActor,
  watchActor,
} from "./inspection.ts";
export type { MouthEmitted, MouthEvent, MouthMachineInput, Saying } from "./mouth/mouth.logic.ts";
export { mouthMachine } from "./mouth/mouth.machine.ts";
export type { SinkEvent, SinkState } from "./sink/sink.logic.ts";
export { sinkMachine } from "./sink/sink.machine.ts";
export type { SourceEvent, SourceState } from "./source/source.logic.ts";
export { sourceMachine } from "./source/source.machine.ts";
export { stateName } from "./stateName.ts";
export type { SupervisorMachineInput } from "./supervisor/supervisor.logic.ts";
export { supervisorMachine } from "./supervisor/supervisor.machine.ts";
export type { TrackEvent, TrackState } from "./track/track.logic.ts";
export { trackMachine } from "./track/track.machine.ts";
export type { TurnsEmitted, TurnsEvent, TurnsMachineInput } from "./turns/turns.logic.ts";
export { turnsMachine } from "./turns/turns.machine.ts";
export {
  DEFAULT_JOB_DEADLINES,
  type JobDeadlines,
  type JobEvent,
  type JobMachineInput,
  type JobOutcome,
} from "./worker/job.logic.ts";
export { jobMachine } from "./worker/job.machine.ts";
export type { JobDriver, LinkEvent, WorkerDriver } from "./worker/worker.driver.ts";
export {
  DEFAULT_WORKER_DEADLINES,
  type WorkerDeadlines,
  type WorkerEvent,
  type WorkerMachineInput,
} from "./worker/worker.logic.ts";
export { workerMachine } from "./worker/worker.machine.ts";
