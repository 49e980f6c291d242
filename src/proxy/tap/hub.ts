import type { Clock } from '../../base/index.ts'
import type { RequestTap } from '../exchange/types.ts'
import type { TapConfig } from './config.ts'
import { tapExchange, type Viewer } from './exchange-tap.ts'

/** What was seen since it was last asked for. */
export interface Tapped {
  readonly lines: readonly string[]
  /** Exchanges that were not kept: too many came at once. */
  readonly dropped: number
}

/** The taps of one proxy in one thread. While there is none requests are not looked at. */
export interface TapHub {
  /** @returns why it is not opened */
  readonly open: (id: string, config: TapConfig) => string | undefined
  /** @returns undefined when there is no such tap any more */
  readonly poll: (id: string) => Tapped | undefined
  readonly close: (id: string) => void
  readonly size: () => number
}

interface Session extends Viewer {
  lines: string[]
  chars: number
  dropped: number
  cancel: () => void
}

const SESSIONS_MAX = 4
const LINES_MAX = 200
const CHARS_MAX = 4 * 1024 * 1024
/** A tap that nobody asks any more has lost its client. */
const SILENCE_MS = 5000

/** @param setTap puts the tap before all requests of the proxy, or takes it away */
export function createTapHub(options: {
  readonly clock: Clock
  readonly setTap: (tap: RequestTap | undefined) => void
}): TapHub {
  const sessions = new Map<string, Session>()
  const tap: RequestTap = {
    begin(exchange) {
      exchange.tap = tapExchange(exchange, [...sessions.values()])
    },
  }

  function close(id: string): void {
    sessions.get(id)?.cancel()
    if (sessions.delete(id) && sessions.size === 0) options.setTap(undefined)
  }

  function expire(id: string): () => void {
    return options.clock.after(SILENCE_MS, () => close(id))
  }

  function take(session: Session, line: string): void {
    if (session.lines.length >= LINES_MAX || session.chars + line.length > CHARS_MAX) {
      session.dropped++
      return
    }
    session.lines.push(line)
    session.chars += line.length
  }

  return {
    open(id, config) {
      close(id)
      if (sessions.size >= SESSIONS_MAX) return `there are ${SESSIONS_MAX} taps already`
      const session: Session = {
        config,
        take: (line) => take(session, line),
        lines: [],
        chars: 0,
        dropped: 0,
        cancel: expire(id),
      }
      sessions.set(id, session)
      options.setTap(tap)
      return undefined
    },
    poll(id) {
      const session = sessions.get(id)
      if (session === undefined) return undefined
      session.cancel()
      session.cancel = expire(id)
      const { lines, dropped } = session
      session.lines = []
      session.chars = 0
      session.dropped = 0
      return { lines, dropped }
    },
    close,
    size: () => sessions.size,
  }
}
