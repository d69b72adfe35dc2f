import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseOptions, type TroupeError } from "./index.ts";

const schema = z.object({
  role: z.enum(["sendonly", "recvonly"], { error: "sendonly or recvonly" }).default("sendonly"),
  channels: z.array(z.object({ label: z.string("a text") })).default([]),
  secret: z.string("a text").min(8, "at least 8 characters").optional(),
});

function refusal(value: unknown): TroupeError {
  try {
    parseOptions(schema, value, "options");
  } catch (error) {
    return error as TroupeError;
  }
  throw new Error("it was taken");
}

describe("parseOptions", () => {
  it("fills in what is left out", () => {
    expect(parseOptions(schema, {}, "options")).toEqual({ role: "sendonly", channels: [] });
  });

  it("names the field, what was expected there, and what came", () => {
    const error = refusal({ role: "listener" });
    expect(error).toMatchObject({
      name: "TroupeError",
      code: "INVALID_OPTION",
      field: "options.role",
      expected: "sendonly or recvonly",
    });
    expect(error.message).toBe(
      'Expected sendonly or recvonly for options.role but received "listener" of type string',
    );
    expect(refusal({ channels: [{ label: "a" }, { label: 7 }] })).toMatchObject({
      field: "options.channels.1.label",
      received: "7 of type number",
    });
    expect(refusal(null)).toMatchObject({ field: "options", received: "null" });
  });

  it("shows no secret", () => {
    const error = refusal({ secret: "hunter2" });
    expect(error.field).toBe("options.secret");
    expect(error.expected).toBe("at least 8 characters");
    expect(error.received).toBe("a text of 7 characters");
    expect(error.message).not.toContain("hunter2");
    const key = z.string().min(8, "at least 8 characters");
    expect(() => parseOptions(key, "hunter2", "key")).toThrow("for key but received a text of 7 characters");
  });
});
