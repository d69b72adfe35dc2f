// What was said, newest last. A line that is not final is replaced by the next of the same speaker.

const MAXIMUM_LINES = 300;
const NAMES = { caller: "You", bot: "Bot" };

export class Transcript {
  #list;
  #empty;
  #open = new Map();

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
  }

  add({ who, text, final, at }) {
    if (typeof text !== "string" || typeof who !== "string") return;
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    const line = this.#open.get(who) ?? this.#append(who, at);
    line.dataset.final = String(final === true);
    line.querySelector(".text").textContent = text;
    if (final) this.#open.delete(who);
    else this.#open.set(who, line);
    if (final && text === "") line.remove();
    while (this.#list.childElementCount > MAXIMUM_LINES) this.#list.firstElementChild.remove();
    // Whoever reads further up is left there.
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #append(who, at) {
    const line = document.createElement("li");
    line.dataset.who = who;
    const time = piece("time", "");
    // The lines from before the page was opened keep the time at which they were said.
    time.textContent = new Date(Number.isFinite(at) ? at : Date.now()).toLocaleTimeString([], {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    line.append(piece("span", "who", NAMES[who] ?? who), piece("span", "text"), time);
    this.#list.append(line);
    this.#empty.hidden = true;
    return line;
  }
}

function piece(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
