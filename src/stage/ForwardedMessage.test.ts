import { inflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { ForwardedMessage } from "./ForwardedMessage.ts";

it("is made once in each form, however many get it", () => {
  const message = new ForwardedMessage("SENDER", Buffer.from("hello"));
  const header = [{ type: "sender_connection_id" as const }];
  const packed = message.as({ compress: true });
  const signed = message.as({ compress: true, header });
  expect(String(inflateSync(packed))).toBe("hello");
  expect(String(inflateSync(signed))).toBe("SENDERhello");
  expect(String(message.as({ compress: false }))).toBe("hello");
  expect(String(message.as({ compress: false, header }))).toBe("SENDERhello");
  expect(message.as({ compress: true, header: [] })).toBe(packed);
  expect(message.as({ compress: true, header })).toBe(signed);
});
