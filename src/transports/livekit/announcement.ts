import {
  AddTrackRequest,
  AudioTrackFeature,
  type Encryption_Type,
  TrackSource,
  TrackType,
} from "@livekit/protocol";
import { OPUS, RED, type SdpCodec } from "../../webrtc/index.ts";
import type { AudioPublishSettings } from "./options.ts";

const SOURCES: Record<AudioPublishSettings["source"], TrackSource> = {
  unknown: TrackSource.UNKNOWN,
  camera: TrackSource.CAMERA,
  microphone: TrackSource.MICROPHONE,
  screenShare: TrackSource.SCREEN_SHARE,
  screenShareAudio: TrackSource.SCREEN_SHARE_AUDIO,
};

/** What a track of ours is offered as, the first to be sent. */
export function audioCodecs(options: { red: boolean; stereo: boolean }): SdpCodec[] {
  const opus = options.stereo ? { ...OPUS, format: `${OPUS.format};stereo=1;sprop-stereo=1` } : OPUS;
  return options.red ? [RED, opus] : [opus];
}

/** What the server is told of a track of ours; `cid` is the msid track id under which it is offered. */
export function addTrackRequest(
  options: AudioPublishSettings,
  track: { cid: string; muted: boolean; encryption: Encryption_Type },
): AddTrackRequest {
  const { name, source, dtx, red, stereo, stream, preconnectBuffer } = options;
  return new AddTrackRequest({
    ...track,
    name,
    type: TrackType.AUDIO,
    source: SOURCES[source],
    disableDtx: !dtx,
    disableRed: !red,
    stereo,
    stream,
    audioFeatures: [
      ...(stereo ? [AudioTrackFeature.TF_STEREO] : []),
      ...(dtx ? [] : [AudioTrackFeature.TF_NO_DTX]),
      ...(preconnectBuffer ? [AudioTrackFeature.TF_PRECONNECT_BUFFER] : []),
    ],
  });
}
