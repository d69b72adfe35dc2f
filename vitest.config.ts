import { defineConfig } from "vitest/config";

/** Every test that needs neither Go, Python nor a browser; the interop suites have commands of their own. */
export default defineConfig({
  resolve: { conditions: ["troupe-source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["troupe-source", "node", "import", "default"] } },
  test: {
    include: ["src/**/*.test.ts", "agents/**/*.test.ts", "examples/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["node_modules/**", "dist/**", "test/interop/**"],
    testTimeout: 20_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
