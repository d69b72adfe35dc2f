import { describe, expect, it } from "vitest";
import { type ForwardingFilter, forwardingFilterSchema, isForwarded } from "./forwarding.ts";
import type { MemberIdentity } from "./notify.ts";

const ANN: MemberIdentity = {
  role: "sendrecv",
  sessionId: "S",
  channelId: "lobby",
  connectionId: "ANN1",
  clientId: "ann",
  bundleId: "ANN1",
  audio: true,
  video: false,
  notifyMetadata: undefined,
  createdAtMs: 0,
};

type Rule = ForwardingFilter["rules"][number][number];
const is = (field: Rule["field"], ...values: string[]): Rule => ({ field, operator: "is_in", values });
const isNot = (field: Rule["field"], ...values: string[]): Rule => ({ field, operator: "is_not_in", values });
const filter = (action: "block" | "allow", rules: Rule[][], priority = 0): ForwardingFilter =>
  forwardingFilterSchema.parse({ action, rules, priority });

describe("forwarding filters let Ann's audio through", () => {
  it.each<[string, ForwardingFilter[], boolean]>([
    ["without any", [], true],
    ["not when they block her", [filter("block", [[is("client_id", "ann")]])], false],
    ["when they block another", [filter("block", [[is("client_id", "ben")]])], true],
    ["when they allow her", [filter("allow", [[is("connection_id", "ANN1")]])], true],
    ["not when they allow another alone", [filter("allow", [[is("connection_id", "BEN1")]])], false],
    ["when all but others are blocked", [filter("block", [[isNot("client_id", "ann")]])], true],
    [
      "when her pictures alone are blocked",
      [filter("block", [[is("client_id", "ann"), is("kind", "video")]])],
      true,
    ],
    [
      "not when one group of several matches whole",
      [filter("block", [[is("client_id", "ben")], [is("client_id", "ann"), is("kind", "audio")]])],
      false,
    ],
    [
      "by the first that matches in order of priority",
      [filter("block", [[is("kind", "audio")]], 9), filter("allow", [[is("client_id", "ann")]], 1)],
      true,
    ],
    ["not by a filter without rules that allows", [filter("allow", [])], false],
  ])("%s", (_, filters, forwarded) => {
    expect(isForwarded(filters, ANN, "audio")).toBe(forwarded);
  });

  it("and block where no action is said, as Sora has it", () => {
    const said = forwardingFilterSchema.parse({ rules: [[is("client_id", "ann")]] });
    expect(isForwarded([said], ANN, "audio")).toBe(false);
  });
});
