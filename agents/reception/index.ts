// The reception of a coffee counter: the first bot to start one's own from. `main.ts` runs it alone.
export { type ReceptionOptions, startReception } from "./Reception.ts";
