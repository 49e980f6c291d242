/**
 * base: small things without a word of the mesh in them, which every folder may import.
 * Nothing here imports anything of the project; all but the logger's sink, the system clock and the loading of modules is pure.
 */
export { AssertionError, assert, defined, unreachable } from './assert.ts'
export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts'
export type { Brand } from './brand.ts'
export { cidrContains, formatIpv4, type Ipv4Cidr, parseIpv4, parseIpv4Cidr } from './cidr.ts'
export {
  type Change,
  type Collection,
  type CollectionDescription,
  createGraph,
  deepEqual,
  type DeriveOptions,
  type Graph,
  type Index,
  type Read,
  type Source,
} from './collection/index.ts'
export { type Clock, createManualClock, type ManualClock, systemClock } from './clock.ts'
export { formatAge, parseDurationMs } from './duration.ts'
export { formatIpv6, type Ipv6Cidr, ipv6At, ipv6Count, ipv6Offset, parseIpv6, parseIpv6Cidr } from './ipv6.ts'
export {
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from './logger.ts'
export { onDemand } from './on-demand.ts'
export { createSeededRandom, type Random, randomIndex, systemRandom } from './random.ts'
export { fail, messageOf, ok, type Result, type Violation } from './result.ts'
export { createWorkQueue, type WorkQueue, type WorkQueueOptions } from './work-queue.ts'
