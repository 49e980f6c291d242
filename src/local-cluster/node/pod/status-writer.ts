import { createBackoff, type Clock, type Logger, messageOf, type Random } from '../../../base/index.ts'
import type { Pod, PodStatus } from '../../../kube/index.ts'
import { isNotFound, KINDS, type KubeClient } from '../../../kube/client/index.ts'

/** Writes a pod's status when it has changed: one request at a time, the newest status wins. */
export interface StatusWriter {
  readonly write: (pod: Pod, status: PodStatus) => void
  /** Resolves when the newest status is written, or the pod is gone, or there is no hope within the time. */
  readonly flushed: (timeoutMs: number) => Promise<void>
  readonly last: () => PodStatus | undefined
  readonly stop: () => void
}

const RETRY_BASE_MS = 50
const RETRY_MAX_MS = 5000

export function createStatusWriter(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): StatusWriter {
  const stopping = new AbortController()
  const backoff = createBackoff({ baseMs: RETRY_BASE_MS, maxMs: RETRY_MAX_MS, random: options.random })
  let last: PodStatus | undefined
  let written = ''
  let wanted: { readonly pod: Pod; readonly status: PodStatus; readonly text: string } | undefined
  let work: Promise<void> | undefined

  const sendAll = async () => {
    while (wanted !== undefined && wanted.text !== written && !stopping.signal.aborted) {
      const { pod, status, text } = wanted
      try {
        await send(options.client, pod, status)
        written = text
        backoff.reset()
      } catch (error) {
        if (isNotFound(error)) return
        options.logger.debug('the status of a pod was not taken', {
          pod: pod.metadata.name,
          error: messageOf(error),
        })
        await options.clock.sleep(backoff.nextMs(), stopping.signal).catch(() => {})
      }
    }
  }
  return {
    write(pod, status) {
      last = status
      wanted = { pod, status, text: JSON.stringify(status) }
      work ??= sendAll().finally(() => {
        work = undefined
      })
    },
    flushed: async (timeoutMs) => {
      const timeout = new AbortController()
      await Promise.race([work, options.clock.sleep(timeoutMs, timeout.signal).catch(() => {})])
      timeout.abort(new Error('no longer waited for'))
    },
    last: () => last,
    stop: () => stopping.abort(new Error('the pod is gone')),
  }
}

/** The uid keeps the status from a new pod of the same name. Lists replace lists; nothing of ours is ever removed. */
async function send(client: KubeClient, pod: Pod, status: PodStatus): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  const patch = { metadata: { uid }, status: { reason: null, message: null, ...status } }
  await client.patch(KINDS.pod, name, namespace, patch, { type: 'merge', subresource: 'status' })
}
