// The states of every actor that bots report, grouped by machine.

export class ActorList {
  #box;
  #empty;
  #count;
  #rows = new Map();
  #groups = new Map();

  constructor(box, empty, count) {
    this.#box = box;
    this.#empty = empty;
    this.#count = count;
  }

  reset(actors) {
    this.#rows.clear();
    this.#groups.clear();
    this.#box.replaceChildren();
    for (const actor of actors) this.update(actor);
    this.#summarize();
  }

  update(actor) {
    const key = `${actor.source}/${actor.id}`;
    if (actor.state === "stopped") this.#remove(key);
    else this.#show(key, actor);
    this.#summarize();
  }

  #show(key, { machine, id, state }) {
    let row = this.#rows.get(key);
    if (!row) {
      row = makeRow(id);
      this.#rows.set(key, row);
      const group = this.#group(machine);
      const rows = [...group.querySelectorAll(".actor")];
      group.insertBefore(row, rows.find((other) => inOrder(id, other.firstElementChild.title)) ?? null);
    }
    const shown = row.lastElementChild;
    if (row.dataset.state === state) return;
    row.dataset.state = state;
    shown.replaceChildren(...linesOf(state).map(makeLine));
    shown.classList.remove("changed");
    // Asking for the layout restarts the animation.
    void shown.offsetWidth;
    shown.classList.add("changed");
  }

  #remove(key) {
    const row = this.#rows.get(key);
    this.#rows.delete(key);
    const group = row?.parentElement;
    row?.remove();
    if (group?.childElementCount !== 1) return;
    group.remove();
    for (const [machine, box] of this.#groups) if (box === group) this.#groups.delete(machine);
  }

  #group(machine) {
    let group = this.#groups.get(machine);
    if (group) return group;
    group = document.createElement("div");
    const title = document.createElement("h3");
    title.textContent = machine;
    group.append(title);
    this.#groups.set(machine, group);
    const names = [...this.#groups.keys()].sort();
    this.#box.append(...names.map((name) => this.#groups.get(name)));
    return group;
  }

  #summarize() {
    this.#empty.hidden = this.#rows.size > 0;
    this.#count.textContent = this.#rows.size > 0 ? String(this.#rows.size) : "";
  }
}

/** A state and its parallel regions: `connected(media.flowing,signalling.webSocket)` are three lines. */
function linesOf(state) {
  const [, outer, inner] = /^([^(]*)\((.*)\)$/.exec(state) ?? [null, state, ""];
  const regions = [];
  let depth = 0;
  for (const piece of inner.split(/(?=[,()])/)) {
    if (piece[0] === "(") depth++;
    if (piece[0] === ")") depth--;
    if (piece[0] === "," && depth === 0) regions.push(piece.slice(1));
    else if (piece) regions.push((regions.pop() ?? "") + piece);
  }
  return [outer, ...regions].map((line) => line.replaceAll(".", " › "));
}

function inOrder(first, second) {
  return first.localeCompare(second, undefined, { numeric: true }) < 0;
}

function makeLine(text, index) {
  const line = document.createElement("span");
  line.textContent = text;
  if (index > 0) line.className = "region";
  return line;
}

function makeRow(id) {
  const row = document.createElement("div");
  row.className = "actor";
  const name = document.createElement("span");
  name.className = "id";
  name.textContent = id;
  name.title = id;
  const state = document.createElement("span");
  state.className = "state";
  row.append(name, state);
  return row;
}
