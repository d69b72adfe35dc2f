import { z } from "zod";
import { TroupeError } from "../core/index.ts";
import type { Channels } from "./Channels.ts";
import type { Member } from "./Member.ts";
import { STAGE_VERSION } from "./version.ts";

/** What an API call comes to. */
export interface ApiReply {
  status: number;
  body: unknown;
}

export interface ApiContext {
  channels: Channels;
  /** Where recordings go; undefined when there are to be none. */
  recordingFolder: string | undefined;
  /** A fresh address of the page; undefined when there is no page. */
  newPageUrl: () => string | undefined;
}

const channel = z.object({ channel_id: z.string().min(1).max(255) });
const connection = channel.extend({ connection_id: z.string().min(1).max(64) });

type Operation = (body: unknown, context: ApiContext) => unknown;

/** The operations by their x-sora-target, in the shapes of Sora's HTTP API. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  "Sora_20151104.DisconnectConnection": (body, context) => {
    const wanted = parse(connection, body);
    findMember(context, wanted).leave("DISCONNECTED-API");
    return {};
  },
  "Sora_20151104.DisconnectChannel": (body, context) => {
    const { channel_id } = parse(channel, body);
    findChannel(context, channel_id).close("DISCONNECTED-API");
    return {};
  },
  "Sora_20160711.PushChannel": (body, context) => {
    const { channel_id, data } = parse(channel.extend({ data: z.json() }), body);
    findChannel(context, channel_id).push(data);
    return {};
  },
  "Sora_20160711.PushConnection": (body, context) => {
    const { channel_id, connection_id, data } = parse(connection.extend({ data: z.json() }), body);
    findMember(context, { channel_id, connection_id });
    findChannel(context, channel_id).push(data, connection_id);
    return {};
  },
  "Sora_20241218.RequestKeyFrame": (body, context) => {
    findMember(context, parse(connection, body)).requestKeyFrame();
    return {};
  },
  "Sora_20170529.GetStatsConnection": async (body, context) => {
    const member = findMember(context, parse(connection, body));
    return { ...describe(member), client_stats: await member.requestStats() };
  },
  "Sora_20201013.ListConnections": (_body, context) => context.channels.members().map(describeShortly),
  "Sora_20201013.ListChannelConnections": (body, context) => {
    const { channel_id } = parse(channel, body);
    return context.channels.members(channel_id).map(describeShortly);
  },
  "Troupe_20261128.StartRecording": async (body, context) => {
    const { channel_id } = parse(channel, body);
    if (context.recordingFolder === undefined) throw new ApiError(404, "NO-RECORDING-FOLDER");
    return { recording_id: await findChannel(context, channel_id).record(context.recordingFolder) };
  },
  "Troupe_20261128.StopRecording": async (body, context) => {
    const { channel_id } = parse(channel, body);
    const index = await findChannel(context, channel_id).stopRecording();
    if (!index) throw new ApiError(404, "RECORDING-NOT-FOUND");
    return index;
  },
  "Troupe_20261121.CreatePageUrl": (_body, context) => {
    const url = context.newPageUrl();
    if (url === undefined) throw new ApiError(404, "NO-PAGE");
    return { url };
  },
};

class ApiError extends Error {
  readonly status: number;

  constructor(status: number, type: string) {
    super(type);
    this.status = status;
  }
}

/** Runs one API call. Never throws. */
export async function callApi(
  target: string | undefined,
  body: unknown,
  context: ApiContext,
): Promise<ApiReply> {
  const name = target ?? "";
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (!operation) return failure(400, "INVALID-TARGET");
  try {
    return { status: 200, body: await operation(body, context) };
  } catch (error) {
    if (error instanceof ApiError) return failure(error.status, error.message);
    if (error instanceof TroupeError) return failure(400, error.code, error.message);
    return failure(500, "INTERNAL-ERROR");
  }
}

function failure(status: number, type: string, message?: string): ApiReply {
  return { status, body: { error_type: type, ...(message ? { message } : {}) } };
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new ApiError(400, `INVALID-JSON-KEY ${result.error.issues[0]?.path.join(".") ?? ""}`.trim());
}

function findChannel({ channels }: ApiContext, channelId: string) {
  const found = channels.get(channelId);
  if (!found) throw new ApiError(404, "CHANNEL-NOT-FOUND");
  return found;
}

function findMember(context: ApiContext, wanted: { channel_id: string; connection_id: string }): Member {
  const member = findChannel(context, wanted.channel_id).member(wanted.connection_id);
  if (!member) throw new ApiError(404, "CONNECTION-NOT-FOUND");
  return member;
}

function describeShortly({ identity, state }: Member): Record<string, unknown> {
  return {
    channel_id: identity.channelId,
    session_id: identity.sessionId,
    client_id: identity.clientId,
    bundle_id: identity.bundleId,
    connection_id: identity.connectionId,
    role: identity.role,
    audio: identity.audio,
    video: identity.video,
    state,
    created_time: Math.floor(identity.createdAtMs / 1000),
    created_timestamp: new Date(identity.createdAtMs).toISOString(),
  };
}

function describe(member: Member): Record<string, unknown> {
  return {
    ...describeShortly(member),
    version: STAGE_VERSION,
    timestamp: new Date().toISOString(),
    stats: member.getStats(),
    data_channels: member.channels.counts,
  };
}
