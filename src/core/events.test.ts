import { describe, expect, it } from "vitest";
import { type Logger, TypedEvents } from "./index.ts";

class Meter extends TypedEvents<{ level: [value: number] }> {}

function start() {
  const logged: unknown[] = [];
  const log: Logger = { debug() {}, info() {}, warn() {}, error: (_, fields) => void logged.push(fields) };
  return { meter: new Meter(log), logged };
}

describe("TypedEvents", () => {
  it("runs the other listeners when one throws, and logs it", () => {
    const { meter, logged } = start();
    const heard: number[] = [];
    const error = new Error("broke");
    meter.on("level", () => {
      throw error;
    });
    meter.on("level", (value) => heard.push(value));
    meter.emit("level", 3);
    expect(heard).toEqual([3]);
    expect(logged).toEqual([{ event: "level", error }]);
  });

  it("logs what an asynchronous listener rejects with", async () => {
    const { meter, logged } = start();
    const error = new Error("broke later");
    meter.on("level", async () => {
      throw error;
    });
    meter.emit("level", 1);
    await Promise.resolve();
    expect(logged).toEqual([{ event: "level", error }]);
  });

  it("takes listeners off: by the function that on gives, by off, after once, and all", () => {
    const { meter } = start();
    const heard: string[] = [];
    const off = meter.on("level", () => heard.push("on"));
    const listener = () => heard.push("off");
    meter.on("level", listener);
    meter.once("level", () => heard.push("once"));
    const never = meter.once("level", () => heard.push("never"));
    never();
    meter.emit("level", 1);
    expect(heard).toEqual(["on", "off", "once"]);
    off();
    meter.off("level", listener);
    expect(meter.listenerCount("level")).toBe(0);
    meter.on("level", listener);
    meter.removeAllListeners();
    meter.emit("level", 2);
    expect(heard).toHaveLength(3);
  });

  it("tells listeners as they were when it began", () => {
    const { meter } = start();
    const heard: string[] = [];
    const off = meter.on("level", () => {
      off();
      meter.on("level", () => heard.push("late"));
    });
    meter.on("level", () => heard.push("second"));
    meter.emit("level", 1);
    expect(heard).toEqual(["second"]);
  });
});
