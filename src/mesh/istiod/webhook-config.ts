import { type Clock, createWorkQueue, deepEqual, type Logger, type Random } from '../../base/index.ts'
import type { MutatingWebhookConfiguration } from '../../kube/index.ts'
import { createInformer, isConflict, isNotFound, KINDS, type KubeClient } from '../../kube/client/index.ts'

export interface CaBundlePatcher {
  /** The roots changed. */
  readonly rootsChanged: () => void
  readonly stop: () => Promise<void>
}

/**
 * Keeps the certificate authority of our webhooks current: the installation cannot know it, so the API server would not
 * trust us without this.
 */
export function createCaBundlePatcher(options: {
  readonly client: KubeClient
  readonly revision: string
  /** PEM: all roots that are believed now. */
  readonly rootCertificate: () => string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): CaBundlePatcher {
  const { client, clock, random, logger } = options
  const informer = createInformer<MutatingWebhookConfiguration>({
    client,
    kind: KINDS.mutatingWebhookConfiguration,
    labelSelector: `istio.io/rev=${options.revision}`,
    clock,
    random,
    logger,
    onChange: (changes) => {
      for (const { key, after } of changes) if (after) queue.add(key)
    },
  })
  const queue = createWorkQueue({
    name: 'webhook certificates',
    concurrency: 1,
    retryBaseMs: 50,
    retryMaxMs: 10_000,
    clock,
    random,
    logger,
    reconcile: async (name) => {
      const present = informer.get(name)
      if (!present) return undefined
      const caBundle = Buffer.from(options.rootCertificate()).toString('base64')
      const webhooks = (present.webhooks ?? []).map((webhook) => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle },
      }))
      if (deepEqual(webhooks, present.webhooks)) return undefined
      try {
        await client.update(KINDS.mutatingWebhookConfiguration, { ...present, webhooks })
        logger.info('webhook trusts the mesh’s root certificate', { webhook: name })
      } catch (error) {
        // Changed or gone meanwhile: the informer tells, and the change asks for another look.
        if (!isConflict(error) && !isNotFound(error)) throw error
      }
      return undefined
    },
  })
  return {
    rootsChanged() {
      for (const { metadata } of informer.list()) queue.add(metadata.name)
    },
    async stop() {
      informer.stop()
      await queue.stop()
    },
  }
}
