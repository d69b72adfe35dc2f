import { deflate } from "./deflate.ts";
import type { DataChannelWish } from "./messages.ts";

/** A message of a `#` label on its way to several members: each form that they asked for is made once, for all of them. */
export class ForwardedMessage {
  readonly #senderConnectionId: string;
  readonly #data: Buffer;
  readonly #forms = new Map<string, Buffer>();

  /** @param data as it was before compression */
  constructor(senderConnectionId: string, data: Buffer) {
    this.#senderConnectionId = senderConnectionId;
    this.#data = data;
  }

  /** As somebody gets it who asked for the label like this. */
  as({ compress, header = [] }: Pick<DataChannelWish, "compress" | "header">): Buffer {
    const name = `${compress} ${header.length > 0}`;
    const known = this.#forms.get(name);
    if (known) return known;
    const sender = Buffer.from(this.#senderConnectionId, "latin1");
    const plain = header.length > 0 ? Buffer.concat([sender, this.#data]) : this.#data;
    const form = compress ? deflate(plain) : plain;
    this.#forms.set(name, form);
    return form;
  }
}
