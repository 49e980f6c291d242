import { existsSync } from 'node:fs'
import type { Clock } from '../../base/index.ts'
import { badRequest, type LogRequest, type NodeApi } from '../apiserver/index.ts'
import { cutIfLong, indexLog, readLog } from './logs.ts'
import { isRunning, type Slot } from './pod/slot.ts'
import type { PodWorker } from './pod/worker.ts'
import { outputFiles } from './runtime/shim.ts'

/** Serves the logs of this node's containers, and keeps the index of their times. */
export function createLogApi(options: {
  readonly workers: ReadonlyMap<string, PodWorker>
  readonly clock: Clock
  readonly indexMs: number
}): { readonly api: Pick<NodeApi, 'logs'>; readonly stop: () => void } {
  const { workers, clock } = options
  const sizes = new Map<string, number>()
  let cancel = () => {}
  const indexAll = () => {
    for (const worker of workers.values()) {
      for (const slot of worker.slots()) {
        const paths = logPaths(worker, slot, slot.run?.record.attempt)
        if (paths === undefined) continue
        sizes.set(paths.log, indexLog(paths, sizes.get(paths.log) ?? 0, clock.now()))
        if (slot.container.stdin === true && slot.run !== undefined)
          for (const file of Object.values(outputFiles(slot.run.directory))) cutIfLong(file)
      }
    }
    for (const log of sizes.keys()) if (!existsSync(log)) sizes.delete(log)
    cancel = clock.after(options.indexMs, indexAll)
  }
  indexAll()
  return {
    api: { logs: (request) => logsOf(options, request) },
    stop: () => cancel(),
  }
}

/** The kubelet's words for some reasons; any other stands for itself. */
const WAITING_WORDS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
}

async function* logsOf(
  options: { readonly workers: ReadonlyMap<string, PodWorker>; readonly clock: Clock },
  request: LogRequest,
): AsyncGenerator<Uint8Array> {
  const worker = options.workers.get(request.podUid)
  const slot = worker?.slots().find(({ name }) => name === request.container)
  const where = `container "${request.container}" in pod "${request.pod}"`
  if (worker === undefined || slot?.run === undefined) {
    if (request.previous) throw badRequest(`previous terminated ${where} not found`)
    const reason = slot?.waiting?.reason ?? 'ContainerCreating'
    throw badRequest(`${where} is waiting to start: ${WAITING_WORDS[reason] ?? reason}`)
  }
  const attempt = slot.run.record.attempt - (request.previous ? 1 : 0)
  const paths = logPaths(worker, slot, attempt)
  if (paths === undefined || (request.previous && !existsSync(paths.log))) {
    throw badRequest(`previous terminated ${where} not found`)
  }
  const sinceMs = sinceOf(request, options.clock.now())
  const run = slot.run
  yield* readLog(
    paths,
    {
      ...request,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      live: () => slot.run === run && isRunning(slot),
    },
    options.clock,
  )
}

function sinceOf(request: LogRequest, nowMs: number): number | undefined {
  if (request.sinceSeconds !== undefined) return nowMs - request.sinceSeconds * 1000
  const at = request.sinceTime === undefined ? Number.NaN : Date.parse(request.sinceTime)
  return Number.isNaN(at) ? undefined : at
}

function logPaths(
  worker: PodWorker,
  slot: Slot,
  attempt: number | undefined,
): { readonly log: string; readonly times: string } | undefined {
  if (attempt === undefined || attempt < 0) return undefined
  const container = worker.paths.container(slot.name)
  return { log: container.log(attempt), times: container.logTimes(attempt) }
}
