import { ConnectionProxy, NetworkLink, type RewriteMessage, SignallingProxy } from "troupe/testing";
import type { BotNetwork } from "./target.ts";

/** How a bot's media is led through a link. */
export interface MediaWay {
  through: (link: NetworkLink) => RewriteMessage;
  /** The server's UDP port, where its offers do not name it. */
  udpPort?: number;
}

/** One bot's way to a server. */
export interface Way {
  /** What it dials. */
  url: string;
  network: BotNetwork;
  close(): Promise<void>;
}

/** A way whose signalling can be disturbed, and its media too where it is led through a link. */
export async function openWay(url: string, media?: MediaWay): Promise<Way> {
  const closers: (() => Promise<unknown>)[] = [];
  let through = url;
  let link: NetworkLink | undefined;
  if (media) {
    const { udpPort } = media;
    link = await NetworkLink.open(udpPort ? { target: { address: "127.0.0.1", port: udpPort } } : {});
    const signalling = await SignallingProxy.before(url, media.through(link));
    closers.push(() => signalling.close(), link.close.bind(link));
    through = signalling.through(url);
  }
  const proxy = await ConnectionProxy.before(through);
  closers.unshift(() => proxy.close());
  return {
    url: proxy.through(through),
    network: {
      cutSignalling: () => proxy.cut(),
      stallSignalling: () => proxy.stall(),
      slowSignalling: (bytesPerSecond) => proxy.slow(bytesPerSecond),
      resumeSignalling: () => proxy.resume(),
      setOutage: link && ((on) => setOutage(link, on)),
    },
    async close() {
      for (const close of closers) await close();
    },
  };
}

/** Passes nothing through the link, or all again. */
export function setOutage(link: NetworkLink, on: boolean): Promise<void> {
  const loss = on ? 1 : 0;
  return link.impair({ toClient: { loss }, toServer: { loss } });
}
