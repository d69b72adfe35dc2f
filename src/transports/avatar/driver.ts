import type { AvatarDriver, AvatarLinkEvent } from "../../actors/index.ts";
import { AvatarError, remedyOf, SessionTokenError } from "./errors.ts";
import type { AvatarConfig } from "./options.ts";
import { AvatarLink } from "./wire/AvatarLink.ts";
import { AudioFormat, EgressType } from "./wire/avatar_pb.ts";
import { type Configuration, encodeConfiguration } from "./wire/messages.ts";
import { requestToken } from "./wire/token.ts";

/** A token is renewed after this share of its life, and not dialled with after that one. */
const RENEW_SHARE = 0.8;
const USABLE_SHARE = 0.95;
const LEAST_RENEWAL_MS = 1_000;

/** What the session does for its driver. */
export interface SessionPort {
  linked(link: AvatarLink): void;
  unlinked(): void;
  interrupt(): Promise<void>;
}

/** The hands of one session: its token and its link. */
export class AvatarSessionDriver implements AvatarDriver {
  readonly #config: AvatarConfig;
  readonly #session: SessionPort;
  readonly #nowMs: () => number;
  #token: { text: string; since: number; lifetimeMs: number } | undefined;
  #link: AvatarLink | undefined;

  constructor(config: AvatarConfig, session: SessionPort, nowMs: () => number) {
    this.#config = config;
    this.#session = session;
    this.#nowMs = nowMs;
  }

  async authorize(signal: AbortSignal): Promise<void> {
    const since = this.#nowMs();
    const lifetimeMs = this.#config.tokenLifetimeMs;
    const text = await requestToken(this.#config, new Date(since + lifetimeMs), signal);
    if (!signal.aborted) this.#token = { text, since, lifetimeMs };
  }

  hasToken(): boolean {
    return this.#token !== undefined && this.#ageShare() < USABLE_SHARE;
  }

  renewInMs(): number {
    const lifetimeMs = this.#token?.lifetimeMs ?? 0;
    return Math.max(LEAST_RENEWAL_MS, (RENEW_SHARE - this.#ageShare()) * lifetimeMs);
  }

  isFinal(error: unknown): boolean {
    // A console that does not take the key will not take it later either.
    return error instanceof AvatarError && (remedyOf(error) === "none" || error.httpStatus === 401);
  }

  dial(report: (event: AvatarLinkEvent) => void): () => void {
    const { timeouts } = this.#config;
    const token = this.#token?.text ?? "";
    const { dialMs, sendMs } = timeouts;
    const link = new AvatarLink({ ...this.#config, token, dialMs, sendMs, nowMs: this.#nowMs });
    this.#link = link;
    link.events.on("opened", () => report({ type: "opened" }));
    link.events.on("confirmed", () => {
      this.#session.linked(link);
      report({ type: "confirmed" });
    });
    link.events.on("closed", (error) => {
      const remedy = remedyOf(error);
      if (remedy === "reauthorize") this.#token = undefined;
      this.#session.unlinked();
      report({ type: "lost", error, remedy });
    });
    return () => {
      this.#link = undefined;
      this.#session.unlinked();
      link.destroy();
    };
  }

  configure(): void {
    // What keeps it from being sent ends the link, which is reported.
    this.#link?.send(encodeConfiguration(configurationOf(this.#config))).catch(() => {});
  }

  interrupt(): Promise<void> {
    return this.#session.interrupt();
  }

  leave(): void {
    this.#link?.close();
  }

  timeoutOf(what: "authorizing" | "dialing" | "handshaking"): AvatarError {
    const { authorizeMs, dialMs, handshakeMs } = this.#config.timeouts;
    const code = "TIMEOUT";
    if (what === "authorizing") {
      const message = `The console did not answer within ${authorizeMs} ms`;
      return new SessionTokenError("connectionFailed", message, { code });
    }
    if (what === "dialing") {
      const message = `The avatar service did not answer within ${dialMs} ms`;
      return new AvatarError("connectionFailed", "websocket_connect", message, { code });
    }
    const message = `The avatar service did not confirm the session within ${handshakeMs} ms`;
    return new AvatarError("connectionFailed", "websocket_handshake", message, { code });
  }

  #ageShare(): number {
    const { since, lifetimeMs } = this.#token ?? { since: 0, lifetimeMs: 1 };
    return (this.#nowMs() - since) / lifetimeMs;
  }
}

function configurationOf(config: AvatarConfig): Configuration {
  const { sampleRate, bitrate, audioFormat, liveKitEgress, agoraEgress } = config;
  return {
    sampleRate,
    bitrate,
    audioFormat: audioFormat === "ogg_opus" ? AudioFormat.OGG_OPUS : AudioFormat.PCM_S16LE,
    egressType: liveKitEgress ? EgressType.LIVEKIT : agoraEgress ? EgressType.AGORA : EgressType.NONE,
    ...(liveKitEgress && {
      livekitEgress: {
        url: liveKitEgress.url,
        apiKey: liveKitEgress.apiKey,
        apiSecret: liveKitEgress.apiSecret,
        apiToken: liveKitEgress.apiToken,
        roomName: liveKitEgress.roomName,
        publisherId: liveKitEgress.publisherId,
        extraAttributes: liveKitEgress.extraAttributes,
        idleTimeout: liveKitEgress.idleTimeoutSeconds,
      },
    }),
    ...(agoraEgress && {
      agoraEgress: {
        channelName: agoraEgress.channelName,
        token: agoraEgress.token,
        uid: agoraEgress.uid,
        publisherId: agoraEgress.publisherId,
      },
    }),
  };
}
