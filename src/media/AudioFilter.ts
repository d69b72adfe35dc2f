import { z } from "zod";
import { logger, parseOptions, TroupeError } from "../core/index.ts";
import { loadBinding, type NativeObject } from "../native/index.ts";

const pathSchema = z.string({ error: "a path" }).min(1, { error: "a path" });
const idSchema = z.string({ error: "an id" }).min(1, { error: "an id" });

const filters = new Map<string, AudioFilter>();

/** Which loaded filter a stream goes through, and what is said to it. */
export interface NoiseCancellationOptions {
  /** The id that an {@link AudioFilter} was loaded under. */
  moduleId: string;
  /** What the vendor's library understands. */
  options?: Record<string, unknown>;
}

/** Whose audio a filter gets; vendors bill by it. */
export interface FilterStreamInfo {
  url?: string;
  roomId?: string;
  roomName?: string;
  participantIdentity?: string;
  participantId?: string;
  trackId?: string;
}

/**
 * A vendor's noise canceller as a shared library with the audio filter functions that LiveKit's SDKs load. It is
 * known by its module id from then on, until the process ends.
 *
 * @example
 * new AudioFilter("acme.denoise", "/opt/acme/libdenoise.so");
 * const sink = new AudioSink(track, { noiseCancellation: { moduleId: "acme.denoise" } });
 */
export class AudioFilter {
  readonly moduleId: string;
  readonly path: string;
  readonly dependencies: readonly string[];
  readonly #plugin: NativeObject;

  /**
   * Loads `dependencies` first, then the library. A later filter of the same id takes its place.
   *
   * @throws TroupeError NOT_SUPPORTED when it can not be loaded or lacks one of the functions, with the reason.
   */
  constructor(moduleId: string, path: string, dependencies: readonly string[] = []) {
    this.moduleId = parseOptions(idSchema, moduleId, "AudioFilter.moduleId");
    this.path = parseOptions(pathSchema, path, "AudioFilter.path");
    this.dependencies = parseOptions(z.array(pathSchema), dependencies, "AudioFilter.dependencies");
    try {
      this.#plugin = loadBinding().audioFilterLoad(path, [...dependencies]);
    } catch (error) {
      throw TroupeError.from("NOT_SUPPORTED", error);
    }
    filters.set(moduleId, this);
  }

  /** Those that have been loaded, for transports that authorize them. */
  static registered(): AudioFilter[] {
    return [...filters.values()];
  }

  /**
   * Authorizes all that have been loaded for a server that a bot joins. One that refuses is logged: its sinks will say
   * so themselves.
   */
  static async authorizeAll(credentials: { url: string; token: string }): Promise<void> {
    const filters = AudioFilter.registered();
    const outcomes = await Promise.allSettled(filters.map((filter) => filter.authorize(credentials)));
    for (const [at, outcome] of outcomes.entries())
      if (outcome.status === "rejected")
        logger.warn("an audio filter refuses to be used here", {
          moduleId: filters[at]!.moduleId,
          error: TroupeError.from("ACCESS_DENIED", outcome.reason).message,
        });
  }

  /**
   * The filter that was loaded under an id.
   *
   * @throws TroupeError NOT_INSTALLED when there is none.
   */
  static of(moduleId: string): AudioFilter {
    const filter = filters.get(moduleId);
    if (filter) return filter;
    throw new TroupeError("NOT_INSTALLED", `No audio filter is loaded under ${JSON.stringify(moduleId)}`);
  }

  /** For FilteredAudio. */
  get plugin(): NativeObject {
    return this.#plugin;
  }

  /**
   * Tells the library which server a bot has joined; vendors check their licence with it.
   *
   * @throws TroupeError ACCESS_DENIED when the library refuses.
   */
  async authorize(credentials: { url: string; token: string }): Promise<void> {
    const { url, token } = credentials;
    try {
      await loadBinding().audioFilterOnLoad(this.#plugin, JSON.stringify({ url, token }));
    } catch (error) {
      throw TroupeError.from("ACCESS_DENIED", error);
    }
  }

  /** Tells the library of a new token of the same server. */
  updateToken(credentials: { url: string; token: string }): void {
    loadBinding().audioFilterUpdateToken(this.#plugin, credentials.url, credentials.token);
  }
}
