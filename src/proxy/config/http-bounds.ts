import {
  compareOrderKeys,
  type HttpBounds,
  type HttpBoundsName,
  type TrafficSide,
} from '../../model/index.ts'
import type { HttpSettings } from '../exchange/rules.ts'
import type { HeadLimits } from '../http1/head-block.ts'
import type { ResponseSource } from '../upstream/pool.ts'

/** The settings of requests that bounds may change. */
export type RequestBounds = Pick<
  HttpSettings,
  'requestHead' | 'headTimeoutMs' | 'requestTimeoutMs' | 'streamIdleTimeoutMs' | 'idleTimeoutMs'
>

/** The bounds that were asked for, laid over those that the proxy has by itself. */
export interface HttpBoundsTable {
  readonly set: (bounds: HttpBounds) => void
  readonly delete: (key: HttpBoundsName) => void
  /** Changes with every change. */
  readonly version: () => number
  /** @param ports those by which the listener may be named */
  readonly ofRequests: (side: TrafficSide, ports: readonly number[], own: HttpSettings) => RequestBounds
  /** Whether it makes a difference at which port a request comes in. */
  readonly namesPort: (side: TrafficSide, port: number) => boolean
  readonly ofResponses: (source: ResponseSource, own: HeadLimits) => HeadLimits
}

/** Longer than any connection lasts, and short enough for a timer. */
const ENDLESS_MS = 2_000_000_000

export function createHttpBoundsTable(isGateway: boolean): HttpBoundsTable {
  const byKey = new Map<HttpBoundsName, HttpBounds>()
  let ordered: readonly HttpBounds[] = []
  let version = 0

  const sort = () => {
    version++
    ordered = [...byKey.values()].toSorted((a, b) => compareOrderKeys(a.order, b.order))
  }

  return {
    set(bounds) {
      byKey.set(bounds.key, bounds)
      sort()
    },
    delete(key) {
      byKey.delete(key)
      sort()
    },
    version: () => version,
    ofRequests(side, ports, own) {
      const here = ordered.filter(
        ({ sides, place }) =>
          place.kind === 'listener' &&
          sides.includes(side) &&
          (place.port === undefined || ports.includes(place.port)),
      )
      return {
        requestHead: headOf(here, own.requestHead),
        headTimeoutMs: endless(last(here, 'headTimeoutMs') ?? own.headTimeoutMs),
        requestTimeoutMs: last(here, 'requestTimeoutMs') ?? own.requestTimeoutMs,
        streamIdleTimeoutMs: last(here, 'streamIdleTimeoutMs') ?? own.streamIdleTimeoutMs,
        idleTimeoutMs: endless(last(here, 'idleTimeoutMs') ?? own.idleTimeoutMs),
      }
    },
    namesPort: (side, port) =>
      ordered.some(
        ({ sides, place }) => place.kind === 'listener' && place.port === port && sides.includes(side),
      ),
    ofResponses(source, own) {
      if (ordered.length === 0) return own
      const side = source.isInbound === true ? 'inbound' : isGateway ? 'gateway' : 'outbound'
      return headOf(
        ordered.filter(({ sides, place }) => sides.includes(side) && isPlaceOf(place, source)),
        own,
      )
    },
  }
}

function isPlaceOf(place: HttpBounds['place'], source: ResponseSource): boolean {
  if (place.kind !== 'cluster') return false
  const { hostname, port, subset } = place
  return (
    (hostname === undefined || hostname === source.hostname) &&
    (port === undefined || port === source.port) &&
    (subset === undefined || subset === source.subset)
  )
}

function headOf(here: readonly HttpBounds[], own: HeadLimits): HeadLimits {
  if (here.length === 0) return own
  return {
    bytesMax: last(here, 'headBytesMax') ?? own.bytesMax,
    fieldsMax: last(here, 'headFieldsMax') ?? own.fieldsMax,
  }
}

type Name = 'headBytesMax' | 'headFieldsMax' | `${'head' | 'request' | 'streamIdle' | 'idle'}TimeoutMs`

function last(here: readonly HttpBounds[], name: Name): number | undefined {
  return here.findLast((bounds) => bounds[name] !== undefined)?.[name]
}

function endless(ms: number): number {
  return ms === 0 ? ENDLESS_MS : ms
}
