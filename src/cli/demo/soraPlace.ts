import { Stage } from "../../stage/index.ts";
import { Resources } from "../Resources.ts";
import type { OpenPlace } from "./place.ts";

const CHANNEL = "reception";

/** A channel of a stage, with the page for a person. */
export const openSoraPlace: OpenPlace = async (startBot, { port }) => {
  await using resources = new Resources();
  const stage = resources.use(await Stage.start({ port }));
  const { signalingUrl, feedUrl } = stage;
  resources.use(await startBot({ signalingUrl, channelId: CHANNEL, feedUrl }));
  const open = resources.move();
  return {
    description: `The stage is open at ${signalingUrl}\nThe reception bot is in channel "${CHANNEL}"`,
    caller: { signalingUrl, channelId: CHANNEL },
    invitation: `Talk to the same bot yourself: ${stage.pageUrl}&channel=${CHANNEL}`,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
};
