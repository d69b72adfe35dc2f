/** The levels of a {@link Logger}, least urgent first. */
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where Troupe says what it does. `fields` never hold secrets. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

type Write = (level: LogLevel, message: string, fields: Record<string, unknown>) => void;

let threshold: LogLevel = levelFromEnvironment();
let write: Write = writeToStderr;

/** The process's logger. Its level comes from TROUPE_LOG (debug, info, warn, error; warn when unset). */
export const logger: Logger = {
  debug: (message, fields = {}) => log("debug", message, fields),
  info: (message, fields = {}) => log("info", message, fields),
  warn: (message, fields = {}) => log("warn", message, fields),
  error: (message, fields = {}) => log("error", message, fields),
};

/** Sets the least level that is written, and where to write (stderr when left out). */
export function configureLogger(options: { level?: LogLevel; write?: Write }): void {
  if (options.level) threshold = options.level;
  write = options.write ?? writeToStderr;
}

function log(level: LogLevel, message: string, fields: Record<string, unknown>): void {
  if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold)) write(level, message, fields);
}

function levelFromEnvironment(): LogLevel {
  const name = process.env.TROUPE_LOG as LogLevel | undefined;
  return name && LOG_LEVELS.includes(name) ? name : "warn";
}

function writeToStderr(level: LogLevel, message: string, fields: Record<string, unknown>): void {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${formatField(value)}`);
  process.stderr.write(`${[`troupe ${level}:`, message, ...rest].join(" ")}\n`);
}

function formatField(value: unknown): string {
  if (value instanceof Error) return formatError(value);
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}

function formatError(error: Error): string {
  return threshold === "debug" ? (error.stack ?? error.message) : `${error.name}: ${error.message}`;
}
