/** Numbers of HTTP/2 (RFC 9113). */

/** Length, type, flags and stream of a frame stand before its payload. */
export const FRAME_HEADER_BYTES = 9
/** What every endpoint takes, and all that we take: larger frames would only delay the others. */
export const FRAME_BYTES_MAX = 16_384

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const

export type ErrorCode = (typeof ERROR)[keyof typeof ERROR]
export const ERROR = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  /** RFC 8441 */
  enableConnectProtocol: 8,
} as const
export const SETTING_BYTES = 6

/** Of streams and connections, before anyone says otherwise. */
export const WINDOW_DEFAULT = 65_535
export const WINDOW_MAX = 2 ** 31 - 1
export const STREAM_ID_MAX = 2 ** 31 - 1

/** The first bytes of every client. */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
