/** What an Audio Connector call reports beside what every connection does. */
export type AudioConnectorEvents = {
  /** A telephone key. `durationMs` is 0 when the far side does not say. */
  dtmf: [digit: string, durationMs: number];
  /** Whether any of the streams that the call carries has audio. */
  mediaUpdate: [active: boolean];
  /** The far side has dropped its buffer, as `flush` asked. */
  cleared: [];
  /** The far side played what was queued when `sendNotify` was called. */
  notify: [payload: unknown];
  /** Something failed; when it ends the call, `disconnected` follows. */
  error: [error: Error];
};

/** Who calls; the field names are those of Vonage's own server SDK. */
export interface AudioConnectorInfo {
  /** Of the Vonage session, from the request's headers; undefined when they do not say. */
  sessionId: string | undefined;
  conferenceId: string | undefined;
  connectionId: string | undefined;
  /** The path and query of the request, without the path token. */
  uri: string;
  /** Every header of the request, but for the secret of `authentication.header`. */
  customHeaders: Readonly<Record<string, string>>;
  /** The connection id, else one of our own. */
  id: string;
  /** What the first message held beside the format: the `headers` of the connect request, but for the secret. */
  customData: Readonly<Record<string, unknown>>;
  /** Hz */
  sampleRate: number;
}
