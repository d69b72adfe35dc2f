import { Engine, type EngineSource } from "../../src/native/index.ts";
import { sine } from "../fixtures/tone.ts";

const SAMPLE_RATE = 48_000;
const QUEUE_MS = 2_000;

/** A source that plays a sine until it is closed; encoded once, however many pairs send it. */
export class Tone {
  readonly source: EngineSource;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.source = Engine.shared().createSource({
      sampleRate: SAMPLE_RATE,
      channels: 1,
      capacityMs: QUEUE_MS,
    });
    const second = sine(440, 1_000, SAMPLE_RATE);
    let at = 0;
    const fill = () => {
      for (let taken = 1; taken > 0; at = (at + taken) % second.length)
        taken = this.source.write(second.subarray(at));
    };
    fill();
    this.#timer = setInterval(fill, QUEUE_MS / 4);
  }

  close(): void {
    clearInterval(this.#timer);
    this.source.close();
  }
}
