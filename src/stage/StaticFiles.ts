import { readFile } from "node:fs/promises";

const TYPES: Record<string, string> = {
  "index.html": "text/html; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "actors.js": "text/javascript; charset=utf-8",
  "levels.js": "text/javascript; charset=utf-8",
  "sora.js": "text/javascript; charset=utf-8",
  "listening.js": "text/javascript; charset=utf-8",
  "tracks.js": "text/javascript; charset=utf-8",
  "transcript.js": "text/javascript; charset=utf-8",
  "page.css": "text/css; charset=utf-8",
};

/** A file of the page, in memory. */
export interface StaticFile {
  type: string;
  body: Buffer;
}

/** The files of the page by their path. There are no others, so no path can leave the folder. */
export async function loadPage(): Promise<ReadonlyMap<string, StaticFile>> {
  // The build copies no assets: what is built reads the page from the package's sources.
  const built = import.meta.url.includes("/dist/src/stage/");
  const folder = new URL(built ? "../../../src/stage/page/" : "page/", import.meta.url);
  const entries = Object.entries(TYPES).map(async ([name, type]): Promise<[string, StaticFile]> => {
    const body = await readFile(new URL(name, folder));
    return [name === "index.html" ? "/" : `/${name}`, { type, body }];
  });
  return new Map(await Promise.all(entries));
}
