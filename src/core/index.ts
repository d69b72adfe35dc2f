// What every layer needs and that needs none of ours: errors, typed events, time, ids, backoff, the logger.
export { withDeadline } from "./abort.ts";
export { isLoopback, secretsMatch } from "./access.ts";
export { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from "./backoff.ts";
export { type Clock, systemClock } from "./clock.ts";
export { TroupeError, type TroupeErrorCode, type TroupeErrorDetails } from "./errors.ts";
export { TypedEvents } from "./events.ts";
export { randomId, randomSsrc } from "./ids.ts";
export { configureLogger, type Logger, type LogLevel, logger } from "./logger.ts";
export { parseOptions } from "./options.ts";
export { pemCertificates, pemPrivateKey, pemText, pemTextOf } from "./pem.ts";
export { RateLimit } from "./RateLimit.ts";
