import { fail, ok, type Result } from '../../base/index.ts'
import type { LogRecord } from './record.ts'
import type { Reader } from './operator.ts'

type Point = (record: LogRecord) => number | undefined

const finished: Point = (record) => record.startedAt + record.durationMs
const answered: Point = (record) => reached(record.answeredAt)
const received: Point = (record) => reached(record.requestEndedAt)
const sent: Point = (record) => reached(record.sentAt)
/** The proxy does not write down when a kept connection came about. */
const unknown: Point = () => undefined

/** Envoy's points in the life of a request. */
const POINTS: Readonly<Record<string, Point>> = {
  DS_CX_BEG: unknown,
  DS_CX_END: unknown,
  DS_HS_BEG: unknown,
  DS_HS_END: unknown,
  DS_RX_BEG: (record) => record.startedAt,
  DS_RX_HDR_END: (record) => record.startedAt,
  DS_RX_END: received,
  US_CX_BEG: unknown,
  US_CX_END: unknown,
  US_HS_END: unknown,
  US_TX_BEG: sent,
  US_TX_END: (record) => latest(sent(record), received(record)),
  US_RX_BEG: answered,
  US_RX_BODY_BEG: answered,
  US_RX_END: (record) => (record.answeredAt === 0 ? undefined : finished(record)),
  DS_TX_BEG: (record) => answered(record) ?? finished(record),
  DS_TX_END: finished,
}

const PRECISIONS: Readonly<Record<string, number>> = { ms: 1, us: 1000, ns: 1_000_000 }

/** Milliseconds from one point to another, whole; absent while one was not reached. */
export function between(from: string, to: string, precision = 'ms'): Reader {
  const start = POINTS[from] as Point
  const end = POINTS[to] as Point
  const factor = PRECISIONS[precision] as number
  return (record) => {
    const a = start(record)
    const b = end(record)
    return a === undefined || b === undefined ? undefined : Math.max(0, Math.floor((b - a) * factor))
  }
}

/** `COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)`; the time since the start is what one point alone gives. */
export function commonDuration(argument: string): Result<Reader, string> {
  const [from = '', to = '', precision = 'ms', ...rest] = argument.split(':')
  if (rest.length > 0 || to === '') return fail('wants START:END or START:END:PRECISION')
  for (const point of [from, to]) {
    if (!Object.hasOwn(POINTS, point))
      return fail(`${point} is no point in time; one of ${Object.keys(POINTS).join(', ')}`)
  }
  if (!Object.hasOwn(PRECISIONS, precision)) return fail(`${precision} is no precision; ms, us or ns`)
  return ok(between(from, to, precision))
}

function reached(at: number): number | undefined {
  return at === 0 ? undefined : at
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b)
}
