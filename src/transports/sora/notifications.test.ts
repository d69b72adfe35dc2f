import { describe, expect, expectTypeOf, it } from "vitest";
import { isSoraNotify, type SoraNotifications } from "./notifications.ts";
import { parseServerMessage, type SoraNotify } from "./wire.ts";

function notifyOf(fields: object): SoraNotify {
  const parsed = parseServerMessage(JSON.stringify({ type: "notify", ...fields }));
  if (parsed.kind !== "message" || parsed.message.type !== "notify") throw new Error("no notify");
  return parsed.message;
}

describe("a notification", () => {
  it.each<[keyof SoraNotifications, object]>([
    ["connection.created", { connection_id: "A", role: "sendrecv", channel_connections: 2, data: [] }],
    ["connection.updated", { connection_id: "A", minutes: 1 }],
    ["connection.destroyed", { connection_id: "A", metadata: null }],
    ["simulcast.switched", { connection_id: "A", current_rid: "r1" }],
    ["spotlight.changed", { connection_id: "A", fixed: false }],
    ["spotlight.focused", { connection_id: "A", audio: true, video: false }],
    ["spotlight.unfocused", { connection_id: "A" }],
    ["network.status", { unstable_level: 3 }],
  ])("is known by its event_type: %s", (type, fields) => {
    const notify = notifyOf({ event_type: type, ...fields, of_the_future: 1 });
    expect(isSoraNotify(notify, type)).toBe(true);
    expect(notify).toMatchObject(fields);
    const other = type === "network.status" ? "connection.created" : "network.status";
    expect(isSoraNotify(notify, other)).toBe(false);
  });

  it("is none of its type without what that has, but is passed on all the same", () => {
    for (const fields of [{}, { unstable_level: 4 }, { unstable_level: "1" }]) {
      const notify = notifyOf({ event_type: "network.status", ...fields });
      expect(isSoraNotify(notify, "network.status")).toBe(false);
      expect(notify).toMatchObject({ event_type: "network.status", ...fields });
    }
    expect(notifyOf({ event_type: "hologram.shown" }).event_type).toBe("hologram.shown");
  });

  it("has the types of its event", () => {
    const notify = notifyOf({ event_type: "network.status", unstable_level: 1 });
    if (!isSoraNotify(notify, "network.status")) throw new Error("not known");
    expectTypeOf(notify.unstable_level).toEqualTypeOf<number>();
    expectTypeOf(notify.event_type).toEqualTypeOf<"network.status">();
  });
});
