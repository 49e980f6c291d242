import type { Session } from './byte-sessions.ts'
import type { Answer, RequestScript } from './scenario.ts'

/** What both ends of the simulation have seen of each request, and what they found wrong. */
export interface Ledger {
  readonly sent: Map<number, Sent>
  readonly arrivals: Map<number, Arrival[]>
  /** Connections that only carry bytes. */
  readonly sessions: Map<number, Session>
  readonly violations: string[]
  /** Notes a broken law, with the time. */
  readonly fail: (what: string) => void
  /** What happened, for those who want to see. */
  readonly trace: (what: string) => void
  readonly lines: string[]
  nextSerial: number
  hasDrained: boolean
  /** What its hosts do, where that is not the request's own business. */
  readonly answersOf?: (script: RequestScript) => readonly Answer[]
}

/** A request as its client sees it. */
export interface Sent {
  readonly script: RequestScript
  readonly protocol: 'http1' | 'http2'
  readonly at: number
  /** All of it was handed to the network. */
  isWhole: boolean
  /** The final answer. */
  answer: Received | undefined
  informational: number[]
  /** Why no answer is to be expected. */
  excuse: string | undefined
}

export interface Received {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly trailers: ReadonlyMap<string, string>
  readonly body: Buffer
  readonly isComplete: boolean
  /** The end of the body cannot be told from a connection that broke. */
  readonly endsWithConnection: boolean
}

/** A request as an upstream sees it: the n-th time it came. */
export interface Arrival {
  readonly id: number
  readonly host: number
  readonly at: number
  readonly method: string
  readonly script: Answer
  /** Of the answer that it gets. */
  readonly serial: number
  isComplete: boolean
  /** How far the answer has gone. */
  answered: 'no' | 'begun' | 'whole' | 'refused'
  /**
   * Of an answer that was said whole: when it was read to its end (undefined: it was not); and when its host heard that
   * nobody listens to the connection any more.
   */
  readAt?: () => number | undefined
  lostAt?: number
  hasEnded: boolean
}

export function createLedger(now: () => number): Ledger {
  const violations: string[] = []
  const lines: string[] = []
  return {
    sent: new Map(),
    arrivals: new Map(),
    sessions: new Map(),
    violations,
    fail: (what) => {
      violations.push(what)
      lines.push(`${now().toFixed(1)} !!! ${what}`)
    },
    trace: (what) => {
      lines.push(`${now().toFixed(1)} ${what}`)
    },
    lines,
    nextSerial: 100_000,
    hasDrained: false,
  }
}

/** Of copies: what they are copied from is the same, what becomes of them is written down apart. */
export function shadowLedger(ledger: Ledger, answers: readonly Answer[]): Ledger {
  return {
    ...ledger,
    arrivals: new Map(),
    nextSerial: 900_000,
    trace: (what) => ledger.trace(`shadow: ${what}`),
    fail: (what) => ledger.fail(`shadow: ${what}`),
    answersOf: ({ id }) => answers.slice(id % answers.length),
  }
}

/** Notes an arrival; what the upstream does is up to how often the request has come. */
export function arrive(
  ledger: Ledger,
  facts: { readonly id: number; readonly host: number; readonly at: number; readonly method: string },
): Arrival | undefined {
  const sent = ledger.sent.get(facts.id)
  if (sent === undefined) {
    ledger.fail(`host ${facts.host} got request ${facts.id}, which nobody has sent`)
    return undefined
  }
  if (sent.script.method !== facts.method)
    ledger.fail(`request ${facts.id} came as ${facts.method} instead of ${sent.script.method}`)
  const before = ledger.arrivals.get(facts.id) ?? []
  const answers = ledger.answersOf?.(sent.script) ?? sent.script.answers
  const script = answers[Math.min(before.length, answers.length - 1)] as Answer
  const arrival: Arrival = {
    ...facts,
    script,
    serial: ledger.nextSerial++,
    isComplete: false,
    answered: 'no',
    hasEnded: false,
  }
  ledger.arrivals.set(facts.id, [...before, arrival])
  ledger.trace(
    `host ${facts.host} gets ${facts.method} ${facts.id}, arrival ${before.length + 1}: ${script.kind} ${script.status}`,
  )
  return arrival
}
