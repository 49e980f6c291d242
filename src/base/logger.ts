export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'none'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Writes one line per event in Istio's layout: time, level, scope, message, then `key=value` pairs. */
export interface Logger {
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  readonly scope: (name: string) => Logger
  readonly level: () => LogLevel
  readonly setLevel: (level: LogLevel) => void
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface LoggerOptions {
  readonly scope: string
  readonly level: LogLevel
  /** Receives whole lines, each ending in a newline. */
  readonly write: (line: string) => void
  readonly now: () => number
}

/** Scoped children share the level of their parent: `setLevel` on one sets all. */
export function createLogger(options: LoggerOptions): Logger {
  const state = { level: options.level }
  return scoped(options, state, options.scope)
}

/** A logger that writes nothing, for tests. */
export const silentLogger: Logger = createLogger({
  scope: 'silent',
  level: 'none',
  write: () => {},
  now: () => 0,
})

function scoped(options: LoggerOptions, state: { level: LogLevel }, scope: string): Logger {
  const emit = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(state.level)) return
    const time = new Date(options.now()).toISOString()
    options.write(`${time}\t${level}\t${scope}\t${oneLine(message)}${formatFields(fields)}\n`)
  }
  return {
    debug: emit('debug'),
    info: emit('info'),
    warn: emit('warn'),
    error: emit('error'),
    scope: (name) => scoped(options, state, name),
    level: () => state.level,
    setLevel(level) {
      state.level = level
    },
  }
}

function formatFields(fields: LogFields | undefined): string {
  if (!fields) return ''
  let text = ''
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += `\t${key}=${oneLine(String(value))}`
  }
  return text
}

function oneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n')
}
