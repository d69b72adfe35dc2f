import type { ReceptionOptions } from "../../../agents/reception/index.ts";
import type { CallerPlace } from "../../testing/index.ts";

/** Starts the bot where these options say. */
export type StartBot = (options: ReceptionOptions) => Promise<AsyncDisposable>;

/** Where the bot of the demo waits, over one transport. */
interface Place extends AsyncDisposable {
  /** A sentence for people, without its full stop. */
  readonly description: string;
  /** Where the scripted caller calls. */
  readonly caller: CallerPlace;
  /** How a person comes in, where the transport has a way. */
  readonly invitation: string | undefined;
}

/** Opens a place with the bot in it. */
export type OpenPlace = (startBot: StartBot, options: { port: number }) => Promise<Place>;
