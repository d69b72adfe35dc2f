import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TroupeError } from "../../../core/index.ts";
import {
  type AvatarMessage,
  AvatarMessageSchema,
  type ClientConfigureSessionSchema,
  MessageType,
} from "./avatar_pb.ts";

type Data = NonNullable<MessageInitShape<typeof AvatarMessageSchema>["data"]>;

const TYPES = {
  clientConfigureSession: MessageType.CLIENT_CONFIGURE_SESSION,
  serverConfirmSession: MessageType.SERVER_CONFIRM_SESSION,
  clientAudioInput: MessageType.CLIENT_AUDIO_INPUT,
  serverError: MessageType.SERVER_ERROR,
  serverResponseAnimation: MessageType.SERVER_RESPONSE_ANIMATION,
  clientInterrupt: MessageType.CLIENT_INTERRUPT,
} as const;

/** One message with its content, whose type and oneof agree. */
export type AvatarData = Exclude<AvatarMessage["data"], { case: undefined }>;

export type Configuration = MessageInitShape<typeof ClientConfigureSessionSchema>;

export function encodeConfiguration(value: Configuration): Uint8Array {
  return encode({ case: "clientConfigureSession", value });
}

export function encodeConfirmation(connectionId: string): Uint8Array {
  return encode({ case: "serverConfirmSession", value: { connectionId } });
}

export function encodeAudio(reqId: string, audio: Uint8Array, end: boolean): Uint8Array {
  return encode({ case: "clientAudioInput", value: { reqId, audio, end } });
}

export function encodeError(value: {
  connectionId: string;
  reqId: string;
  code: number;
  message: string;
}): Uint8Array {
  return encode({ case: "serverError", value });
}

export function encodeAnimation(connectionId: string, reqId: string, end: boolean): Uint8Array {
  return encode({ case: "serverResponseAnimation", value: { connectionId, reqId, end } });
}

export function encodeInterrupt(reqId: string): Uint8Array {
  return encode({ case: "clientInterrupt", value: { reqId } });
}

/**
 * Reads one binary message. Null for one of a type that is not known here.
 *
 * @throws TroupeError INVALID_MESSAGE when it is no message, or its type is not that of its content.
 */
export function decodeMessage(bytes: Uint8Array): AvatarData | null {
  let message: AvatarMessage;
  try {
    message = fromBinary(AvatarMessageSchema, bytes);
  } catch (error) {
    throw new TroupeError("INVALID_MESSAGE", "The message is no protobuf of the avatar protocol", {
      cause: error,
    });
  }
  const { type, data } = message;
  if (data.case === undefined) {
    // One without any field is no message of a later version either.
    if (bytes.length > 0 && !Object.values<number>(TYPES).includes(type)) return null;
    throw new TroupeError("INVALID_MESSAGE", `The message of type ${type} has no content`);
  }
  if (TYPES[data.case] === type) return data;
  throw new TroupeError("INVALID_MESSAGE", `The message says type ${type} and holds ${data.case}`);
}

function encode(data: Data): Uint8Array {
  const type = TYPES[data.case as keyof typeof TYPES];
  return toBinary(AvatarMessageSchema, create(AvatarMessageSchema, { type, data }));
}
