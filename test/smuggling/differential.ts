import { until } from '../../src/proxy/testing.ts'
import { type Http2Case, type RequestCase, SECOND_MEANT } from './cases.ts'
import { meantOf, runCase, startGateway } from './gateway.ts'
import { HTTP2_CASES } from './http2/index.ts'
import { runHttp2Case } from './http2-client.ts'
import type { Peer } from './peers.ts'
import { REQUEST_CASES } from './requests/index.ts'

/** What a back end made of the cases. */
export interface Tally {
  readonly cases: number
  /** Requests that the gateway was to let through, and those that the back end read as meant. */
  readonly meant: number
  readonly read: number
  /** Names of cases with a request that the back end refused. */
  readonly refused: readonly string[]
  /** What must never be: something read that was not meant. */
  readonly failures: readonly string[]
}

interface Run {
  readonly name: string
  readonly meant: readonly string[]
  readonly send: () => Promise<unknown>
  /** Streams of HTTP/2 reach the back end in any order. */
  readonly isOrdered: boolean
}

/** Sends every case through a gateway in front of the peer, and compares what the peer read with what was meant. */
export async function runRequests(peer: Peer): Promise<Tally> {
  const gateway = await startGateway(peer.port)
  const tally = { cases: 0, meant: 0, read: 0, refused: [] as string[], failures: [] as string[] }
  for (const run of [...http1Runs(gateway.port), ...http2Runs(gateway.port)]) {
    tally.cases++
    tally.meant += run.meant.length
    await run.send().catch((error: unknown) => {
      throw new Error(`${run.name}: ${(error as Error).message}`)
    })
    await until(() => peer.recorder.waiting() === 0, `the back end is done with ${run.name}`)
    const seen = peer.recorder.take().map(withoutMarks)
    const left = compare(seen, run)
    if (left === undefined) {
      tally.failures.push(
        `${run.name}\n    meant ${JSON.stringify(run.meant)}\n    read  ${JSON.stringify(seen)}`,
      )
      continue
    }
    tally.read += seen.length
    if (left > 0) tally.refused.push(run.name)
  }
  gateway.close()
  return tally
}

/** @returns how many of the requests that were meant are missing; undefined when others were read */
function compare(seen: readonly string[], run: Run): number | undefined {
  const rest = [...run.meant]
  for (const one of seen) {
    const index = rest.indexOf(one)
    if (index < 0) return undefined
    rest.splice(run.isOrdered ? 0 : index, run.isOrdered ? index + 1 : 1)
  }
  return run.meant.length - seen.length
}

/** Without trailers and upgrades, which servers may leave out when they forward. */
function withoutMarks(text: string): string {
  return text.replace(/ [+^].*$/, '')
}

function http1Runs(port: number): readonly Run[] {
  return Object.values(REQUEST_CASES)
    .flat()
    .map((one: RequestCase) => ({
      name: `${one.rule}: ${one.name}`,
      meant: meantOf(one, port).map(withoutMarks),
      send: () => runCase(port, one),
      isOrdered: true,
    }))
}

/** After a refusal the second request may still be read: the codec refuses the stream or the connection. */
function http2Runs(port: number): readonly Run[] {
  return Object.values(HTTP2_CASES)
    .flat()
    .map((one: Http2Case) => ({
      name: `HTTP/2, ${one.rule}: ${one.name}`,
      meant: [one.meant ?? [], SECOND_MEANT].flat().map(withoutMarks),
      send: () => runHttp2Case(port, one),
      isOrdered: false,
    }))
}
