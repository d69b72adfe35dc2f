import type { BoundedSocket } from "./BoundedSocket.ts";

/** Tracks that one page hears at the same time; it is asked to be choosy before it is cut. */
const MAXIMUM_TRACKS_PER_PAGE = 4;

/** Which pages listen to which tracks. */
export class TrackListeners {
  readonly #pages = new Map<string, Set<BoundedSocket>>();

  /** The pages that listen to a track. */
  of(key: string): Iterable<BoundedSocket> {
    return this.#pages.get(key) ?? [];
  }

  /** True when the page is the first of this track; a page that hears enough already is not taken in. */
  add(key: string, page: BoundedSocket): boolean {
    if (this.#tracksOf(page).length >= MAXIMUM_TRACKS_PER_PAGE) return false;
    const pages = this.#pages.get(key) ?? new Set();
    this.#pages.set(key, pages.add(page));
    return pages.size === 1;
  }

  /** True when nobody listens any more. */
  remove(key: string, page: BoundedSocket): boolean {
    const pages = this.#pages.get(key);
    if (!pages?.delete(page) || pages.size > 0) return false;
    this.#pages.delete(key);
    return true;
  }

  /** The page is gone; gives the tracks that nobody listens to any more. */
  removeAll(page: BoundedSocket): string[] {
    return this.#tracksOf(page).filter((key) => this.remove(key, page));
  }

  /** The track is gone. */
  forget(key: string): void {
    this.#pages.delete(key);
  }

  #tracksOf(page: BoundedSocket): string[] {
    return [...this.#pages].filter(([, pages]) => pages.has(page)).map(([key]) => key);
  }
}
