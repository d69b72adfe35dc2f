import { z } from "zod";
import { TroupeError } from "../../../core/index.ts";
import { readText } from "./readText.ts";

/** What a list of regions may be long, in bytes. */
const MAXIMUM_LIST_BYTES = 64 * 1024;
/** How many regions are kept. */
const MAXIMUM_REGIONS = 32;
/** How long the list may take, in ms: a region that is dialled next is worth no longer wait. */
const LIST_MS = 3_000;

const list = z.object({ regions: z.array(z.object({ url: z.string().max(2048) })).default([]) });

/** Whether a server is LiveKit Cloud, which has regions to go to. */
export function isCloud({ hostname }: URL): boolean {
  return /\.livekit\.(cloud|run)$/.test(hostname);
}

/**
 * The addresses of a project's regions, the nearest first.
 *
 * @throws TroupeError SIGNALLING_FAILED when the server does not tell, INVALID_MESSAGE when it tells something else.
 */
export async function fetchRegions(server: string, token: string, signal: AbortSignal): Promise<string[]> {
  const url = new URL(server);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = "/settings/regions";
  url.search = "";
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]),
  });
  const text = await readText(response, MAXIMUM_LIST_BYTES);
  if (!response.ok)
    throw new TroupeError("SIGNALLING_FAILED", `No regions are told: HTTP ${response.status}`);
  return serverUrls(parse(text).regions);
}

/** Those of the addresses that a server can have. */
export function serverUrls(regions: readonly { url: string }[]): string[] {
  const urls = regions.map(({ url }) => url);
  return urls
    .filter((url) => /^(ws|http)s?:$/.test(URL.parse(url)?.protocol ?? ""))
    .slice(0, MAXIMUM_REGIONS);
}

function parse(text: string): z.output<typeof list> {
  try {
    return list.parse(JSON.parse(text));
  } catch (error) {
    throw new TroupeError("INVALID_MESSAGE", "The list of regions cannot be read", { cause: error });
  }
}
