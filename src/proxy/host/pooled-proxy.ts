import { type Clock, messageOf } from '../../base/index.ts'
import type { GatewayName, Listener, ListenerName, ModelType } from '../../model/index.ts'
import { mergeStatistics } from '../../telemetry/index.ts'
import type { XdsChange, XdsRejection } from '../../xds/client/index.ts'
import type { AdminAnswer } from '../admin/types.ts'
import { createInterner } from '../config/interner.ts'
import { selectsProxy } from '../config/references.ts'
import { mergeAnswers, partOf } from './gather.ts'
import type { PortsState, ProxyHandle } from './proxy-handle.ts'
import type { CreateProxyOptions } from './proxy-host.ts'
import type { AdminQuestion, ToWorker, WorkerQuestion } from './worker-protocol.ts'

/** The way to one worker. */
export interface WorkerLine {
  readonly worker: number
  readonly send: (message: ToWorker) => void
  /** @throws when the worker ends before it has answered */
  readonly ask: (id: string, question: WorkerQuestion) => Promise<unknown>
}

export interface PooledProxy {
  readonly handle: ProxyHandle
  readonly takePorts: (worker: number, ports: PortsState) => void
  /** A page as one worker has it, with what the others have to say. */
  readonly gather: (asker: number, request: AdminQuestion, own: AdminAnswer) => Promise<AdminAnswer>
  /** Tells a new worker all that the others know. */
  readonly revive: (line: WorkerLine) => Promise<void>
}

/** A worker that does not answer for so long is left out of the page. */
const ANSWER_TIMEOUT_MS = 2000
const STATUS_INTERVAL_MS = 1000

/**
 * One proxy that several workers serve. This side decides what is taken and what is not, so that all of them have the
 * same, and the control plane hears one answer; it keeps what was taken for the worker that comes after one that died.
 */
export function createPooledProxy(
  options: CreateProxyOptions & {
    readonly lines: () => readonly WorkerLine[]
    readonly clock: Clock
    readonly onClose: () => void
  },
): PooledProxy {
  const { spec, clock, logger } = options
  const { id } = spec
  const resources = createResources()
  const portsOf = new Map<number, PortsState>()
  let readyGateways: readonly GatewayName[] = []
  let isDraining = false
  let isStarted = false
  let isStopped = false
  let told = ''
  let cancelStatus = () => {}

  const tellAll = (message: ToWorker) => {
    for (const line of options.lines()) line.send(message)
  }
  const creation: ToWorker = {
    op: 'create',
    spec,
    placement: options.placement,
    logFile: options.logFile,
    isGuarded: options.onFailed !== undefined,
  }
  tellAll(creation)

  /** Answers of those who are there and not stuck. */
  async function askAll(question: WorkerQuestion, but?: number): Promise<readonly unknown[]> {
    const answers = await Promise.allSettled(
      options
        .lines()
        .filter(({ worker }) => worker !== but)
        .map((line) => withDeadline(line.ask(id, question), clock, ANSWER_TIMEOUT_MS)),
    )
    return answers.flatMap((answer) => {
      if (answer.status === 'fulfilled') return [answer.value]
      logger.warn(`a worker does not answer: ${messageOf(answer.reason)}`)
      return []
    })
  }

  function tellStatus(): void {
    cancelStatus()
    const status = options.status()
    const text = JSON.stringify(status)
    if (text !== told) tellAll({ op: 'status', id, status })
    told = text
    // Whether the control plane is there changes without a word.
    cancelStatus = clock.after(STATUS_INTERVAL_MS, tellStatus)
  }

  async function statistics(): Promise<string> {
    const texts = (await askAll({ kind: 'statistics' })) as readonly string[]
    return mergeStatistics(texts.map((text) => ({ text })))
  }

  function stop(op: 'stop-accepting' | 'drain' | 'close'): void {
    isStopped = true
    tellAll({ op, id })
    if (op !== 'close') return
    cancelStatus()
    options.onClose()
  }

  const handle: ProxyHandle = {
    accept(changes) {
      const { taken, rejections } = resources.take(changes)
      for (const { type, key, reason } of rejections) {
        logger.warn(`rejected ${type} ${key}, its last good version stays: ${reason}`)
      }
      // Ports that this asks for are not open before the workers have said so.
      if (taken.some(({ type }) => type === 'listener' || type === 'workload')) portsOf.clear()
      if (taken.length > 0) tellAll({ op: 'accept', id, changes: taken })
      return rejections
    },
    gatewayNames: () => resources.gatewayNames(spec.bootstrap.node),
    setReadyGateways(names) {
      if (names.length === readyGateways.length && names.every((name, i) => name === readyGateways[i])) return
      readyGateways = names
      portsOf.clear()
      tellAll({ op: 'ready-gateways', id, names })
    },
    async start() {
      isStarted = true
      tellStatus()
      await Promise.all(options.lines().map((line) => line.ask(id, { kind: 'start' })))
    },
    ports: () => joinPorts(options.lines().map(({ worker }) => portsOf.get(worker))),
    statusChanged: tellStatus,
    setDraining(draining) {
      isDraining = draining
      tellAll({ op: 'draining', id, draining })
    },
    stopAccepting: () => stop('stop-accepting'),
    drain: () => stop('drain'),
    closeIdle: () => tellAll({ op: 'close-idle', id }),
    close: () => stop('close'),
    connections: async () => sum(await askAll({ kind: 'connections' })),
    events: async () => sum(await askAll({ kind: 'events' })),
    statistics,
  }

  return {
    handle,
    takePorts(worker, ports) {
      portsOf.set(worker, ports)
      options.onStateChange()
    },
    async gather(asker, request, own) {
      const inherited = options.inherited?.() ?? []
      const question: WorkerQuestion = { kind: 'page', request: partOf(request) }
      // What changes something is done already where it was asked for.
      const isPage = request.method !== 'POST'
      const others = (await askAll(question, isPage ? undefined : asker)) as readonly AdminAnswer[]
      return mergeAnswers(request, isPage ? others : [own, ...others], inherited)
    },
    async revive(line) {
      line.send(creation)
      line.send({ op: 'accept', id, changes: resources.all() })
      line.send({ op: 'ready-gateways', id, names: readyGateways })
      line.send({ op: 'status', id, status: options.status() })
      if (isDraining) line.send({ op: 'draining', id, draining: true })
      if (isStopped || !isStarted) return
      await line.ask(id, { kind: 'start' }).catch((error: unknown) => {
        logger.error(`worker ${line.worker} could not start: ${messageOf(error)}`)
      })
    },
  }
}

/** What was taken, as it came: for workers that are still to be born. */
function createResources() {
  const kept = new Map<string, Extract<XdsChange, { kind: 'set' }>>()
  const listeners = new Map<ListenerName, Listener>()
  const idOf = (type: ModelType, key: string) => `${type} ${key}`

  return {
    take(changes: readonly XdsChange[]): {
      readonly taken: readonly XdsChange[]
      readonly rejections: readonly XdsRejection[]
    } {
      // Looked at and let go: the workers keep their own.
      const interner = createInterner()
      const taken: XdsChange[] = []
      const rejections: XdsRejection[] = []
      for (const change of changes) {
        const { type, key } = change
        if (change.kind === 'remove') {
          kept.delete(idOf(type, key))
          listeners.delete(key as ListenerName)
          taken.push(change)
          continue
        }
        const checked = interner.intern(change)
        if (!checked.ok) {
          rejections.push({ type, key, reason: checked.error })
          continue
        }
        const { object } = checked.value
        if (object.type === 'listener') listeners.set(object.key, object)
        kept.set(idOf(type, key), change)
        taken.push(change)
      }
      return { taken, rejections }
    },
    all: (): readonly XdsChange[] => [...kept.values()],
    gatewayNames(node: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }) {
      const names = new Set<GatewayName>()
      for (const listener of listeners.values()) {
        if (selectsProxy(listener, node.namespace, node.labels)) names.add(listener.gateway)
      }
      return [...names]
    },
  }
}

/** Open is what is open in every worker that lives. */
function joinPorts(states: readonly (PortsState | undefined)[]): PortsState {
  const known = states.filter((state) => state !== undefined)
  const [first] = known
  if (first === undefined || known.length < states.length) return { isBound: false, ports: [], problems: [] }
  return {
    isBound: known.every(({ isBound }) => isBound),
    ports: first.ports.filter((port) => known.every(({ ports }) => ports.includes(port))),
    problems: known.flatMap(({ problems }) => problems),
  }
}

function sum(values: readonly unknown[]): number {
  return (values as readonly number[]).reduce((total, value) => total + value, 0)
}

function withDeadline<T>(work: Promise<T>, clock: Clock, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new Error(`no answer within ${ms} ms`)))
    work.then(resolve, reject).finally(cancel)
  })
}
