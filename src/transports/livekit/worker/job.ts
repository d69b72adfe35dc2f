import { type Job, JobType } from "@livekit/protocol";

/** What a job is for: a room, each participant who publishes, or each participant. */
export type JobKind = "room" | "publisher" | "participant";

/** A job that the server dispatches. */
export interface WorkerJob {
  id: string;
  /** The dispatch that it belongs to; empty when the room's start led to it. */
  dispatchId: string;
  kind: JobKind;
  room: { name: string; sid: string; metadata: string };
  /** Whom it is about; undefined for a room's job. */
  participant: { identity: string; sid: string; name: string; metadata: string } | undefined;
  /** What the dispatch says. */
  metadata: string;
  attributes: Record<string, string>;
  agentName: string;
  namespace: string;
}

const KINDS: Record<JobKind, JobType> = {
  room: JobType.JT_ROOM,
  publisher: JobType.JT_PUBLISHER,
  participant: JobType.JT_PARTICIPANT,
};

export function jobTypeOf(kind: JobKind): JobType {
  return KINDS[kind];
}

export function workerJobOf(job: Job): WorkerJob {
  const { id, dispatchId, metadata, attributes, agentName, namespace, room, participant } = job;
  const kinds = Object.keys(KINDS) as JobKind[];
  return {
    id,
    dispatchId,
    kind: kinds.find((kind) => KINDS[kind] === job.type) ?? "room",
    room: { name: room?.name ?? "", sid: room?.sid ?? "", metadata: room?.metadata ?? "" },
    participant: participant && {
      identity: participant.identity,
      sid: participant.sid,
      name: participant.name,
      metadata: participant.metadata,
    },
    metadata,
    attributes: { ...attributes },
    agentName,
    namespace,
  };
}
