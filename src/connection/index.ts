// What every transport offers alike: the connection, its tracks and data channels, and where a transport plugs in.
export { Connection, type ConnectionEvents, connect } from "./Connection.ts";
export { type JitterBufferOptions, jitterBufferSchema } from "./jitterBuffer.ts";
export { LocalTrack, type LocalTrackEvents } from "./LocalTrack.ts";
export { RemoteTrack, type RemoteTrackEvents } from "./RemoteTrack.ts";
export type {
  ConnectionHost,
  DataChannelInfo,
  StatsEntry,
  Transport,
  TransportDriver,
} from "./transport.ts";
