import { type ReceptionOptions, startReception } from "../../../agents/reception/index.ts";
import { AvatarService } from "../../stage/index.ts";
import { AvatarSession } from "../../transports/avatar/index.ts";
import { Resources } from "../Resources.ts";

/** Bots that speak through a face of a local avatar service, and what was seen of the faces. */
export class Faces implements AsyncDisposable {
  readonly #service: AvatarService;
  /** Frames that came, by utterance. */
  readonly #frames = new Map<string, number>();
  #interruptions = 0;

  static async open(): Promise<Faces> {
    return new Faces(await AvatarService.start());
  }

  private constructor(service: AvatarService) {
    this.#service = service;
  }

  /** Starts the reception with a face of its own, which goes with it. */
  async startBot(options: ReceptionOptions): Promise<AsyncDisposable> {
    await using resources = new Resources();
    const session = resources.use(new AvatarSession({ ...this.#service.client, avatarId: "reception" }));
    session.on("frame", ({ requestId }) =>
      this.#frames.set(requestId, (this.#frames.get(requestId) ?? 0) + 1),
    );
    session.on("state", (state) => {
      if (state.includes("interrupting")) this.#interruptions += 1;
    });
    await session.start();
    resources.use(await startReception({ ...options, avatar: session }));
    return resources.move();
  }

  /** A line on what was shown, and whether all of it was: every frame of what was not interrupted. */
  summary(): { text: string; ok: boolean } {
    const requests = this.#service.sessions.flatMap((session) => session.requests);
    const seconds = requests.reduce((sum, { audioMs }) => sum + audioMs, 0) / 1000;
    const sent = requests.reduce((sum, request) => sum + request.frames, 0);
    const shown = [...this.#frames.values()].reduce((sum, count) => sum + count, 0);
    const whole = requests.filter(({ id, frames }) => this.#frames.get(id) === frames).length;
    const text = `${requests.length} utterances, ${seconds.toFixed(1)} s to the face, ${shown} of its ${sent} frames shown`;
    // Of what is interrupted the frames that follow are dropped.
    return { text, ok: requests.length > 1 && whole >= requests.length - this.#interruptions };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#service.close();
  }
}
