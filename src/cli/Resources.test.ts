import { describe, expect, it } from "vitest";
import { Resources } from "./Resources.ts";

const resource = (ended: string[], name: string, error?: Error): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    ended.push(name);
    if (error) throw error;
  },
});

describe("Resources", () => {
  it("ends what was opened, the last first, and all of it when one fails", async () => {
    const ended: string[] = [];
    const resources = new Resources();
    resources.use(resource(ended, "first"));
    resources.use(resource(ended, "second", new Error("stuck")));
    resources.defer(() => ended.push("third"));
    await expect(resources[Symbol.asyncDispose]()).rejects.toThrow("stuck");
    expect(ended).toEqual(["third", "second", "first"]);
  });

  it("leaves what was moved to its new owner", async () => {
    const ended: string[] = [];
    const resources = new Resources();
    resources.use(resource(ended, "stage"));
    const moved = resources.move();
    await resources[Symbol.asyncDispose]();
    expect(ended).toEqual([]);
    await moved[Symbol.asyncDispose]();
    expect(ended).toEqual(["stage"]);
  });
});
