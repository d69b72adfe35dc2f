// The tracks of the sessions that bots report: who sends, how loud it is, and a button to hear it.
import { LevelStrip, loudness } from "./levels.js";
import { Listening } from "./listening.js";

/** A level that was told this long ago counts as silence, in ms. */
const STALE_MS = 500;
/** The feed brings a page no more than these at the same time. */
const MAXIMUM_LISTENING = 4;

export class TrackList {
  #box;
  #section;
  #send;
  #rows = new Map();
  #context = null;

  /** `send` passes a message to the feed. */
  constructor(box, section, send) {
    this.#box = box;
    this.#section = section;
    this.#send = send;
  }

  reset(tracks) {
    for (const row of this.#rows.values()) row.listening?.close();
    this.#rows.clear();
    this.#box.replaceChildren();
    for (const track of tracks) this.update(track);
    this.#section.hidden = this.#rows.size === 0;
  }

  update(track) {
    const key = keyOf(track);
    if (track.state === "ended") this.#remove(key);
    else this.#show(key, track);
    this.#section.hidden = this.#rows.size === 0;
  }

  level(message) {
    const row = this.#rows.get(keyOf(message));
    if (!row) return;
    row.loudness = loudness(message.rms);
    row.toldAt = performance.now();
  }

  audio(message) {
    this.#rows.get(keyOf(message))?.listening?.play(message);
  }

  draw(now) {
    for (const row of this.#rows.values()) row.strip.draw(now);
  }

  #show(key, track) {
    const row = this.#rows.get(key) ?? this.#make(key, track);
    row.state.textContent = track.state;
    row.strip.speaking = track.state === "live";
  }

  #make(key, track) {
    const { source, track: id, session, who } = track;
    const item = document.createElement("li");
    item.className = "track";
    const head = document.createElement("div");
    head.className = "track-head";
    const name = document.createElement("h3");
    name.textContent = who;
    const place = document.createElement("p");
    place.className = "track-session";
    place.textContent = session;
    const state = document.createElement("p");
    state.className = "chip";
    head.append(name, place, state);
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Level of ${who}`);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Listen";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Listen to ${who}`);
    item.append(head, canvas, button);
    this.#box.append(item);
    const row = { item, state, button, source, id, strip: new LevelStrip(canvas), loudness: 0, toldAt: 0 };
    row.strip.meter = { read: () => (performance.now() - row.toldAt < STALE_MS ? row.loudness : 0) };
    button.addEventListener("click", () => this.#toggle(row));
    this.#rows.set(key, row);
    return row;
  }

  #toggle(row) {
    const on = !row.listening;
    if (on) {
      const listening = [...this.#rows.values()].filter((other) => other.listening);
      if (listening.length >= MAXIMUM_LISTENING) this.#toggle(listening[0]);
      this.#context ??= new AudioContext();
      void this.#context.resume();
      row.listening = new Listening(this.#context);
    } else {
      row.listening.close();
      row.listening = undefined;
    }
    row.button.setAttribute("aria-pressed", String(on));
    row.button.textContent = on ? "Stop listening" : "Listen";
    this.#send({ type: "listen", source: row.source, track: row.id, on });
  }

  #remove(key) {
    const row = this.#rows.get(key);
    this.#rows.delete(key);
    row?.listening?.close();
    row?.item.remove();
  }
}

function keyOf({ source, track }) {
  return `${source}/${track}`;
}
