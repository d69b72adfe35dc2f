import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const PAGE_FILES: Record<string, [type: string, path: string]> = {
  "/": ["text/html", fileURLToPath(new URL("page.html", import.meta.url))],
  "/page.js": ["text/javascript", fileURLToPath(new URL("page.js", import.meta.url))],
  "/livekit-client.mjs": ["text/javascript", fileURLToPath(import.meta.resolve("livekit-client"))],
  "/e2ee.worker.mjs": ["text/javascript", fileURLToPath(import.meta.resolve("livekit-client/e2ee-worker"))],
};

/** Serves the page on loopback, which browsers take for a secure place. */
export async function servePage(): Promise<{ origin: string; close: () => void }> {
  const pages = createServer((request, response) => {
    const file = PAGE_FILES[request.url ?? ""];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": file[0] });
    createReadStream(file[1]).pipe(response);
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(pages.address() as AddressInfo).port}`,
    close: () => {
      pages.close();
      pages.closeAllConnections();
    },
  };
}
