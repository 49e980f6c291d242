import { type Clock, createWorkQueue, type Logger, type Random } from '../../base/index.ts'
import type { ConfigMap, Namespace } from '../../kube/index.ts'
import {
  createInformer,
  isAlreadyExists,
  isConflict,
  isNotFound,
  KINDS,
  type KubeClient,
} from '../../kube/client/index.ts'
import { ROOT_CERTIFICATE_CONFIG_MAP, ROOT_CERTIFICATE_KEY } from './names.ts'

/** The label by which the ConfigMaps are found again without watching all others. */
const LABEL = { 'istio.io/config': 'true' }

export interface RootCertificateOptions {
  readonly client: KubeClient
  /** PEM: all roots that are believed now. */
  readonly rootCertificate: () => string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface RootCertificateController {
  /** A namespace appeared or changed. */
  readonly namespaceChanged: (name: string) => void
  readonly stop: () => Promise<void>
}

/** Keeps ConfigMap `istio-ca-root-cert` in every namespace, so that every proxy can know its control plane. */
export function createRootCertificateController(
  options: RootCertificateOptions & { readonly namespace: (name: string) => Namespace | undefined },
): RootCertificateController {
  const { client, clock, random, logger } = options
  const present = createInformer<ConfigMap>({
    client,
    kind: KINDS.configMap,
    labelSelector: 'istio.io/config=true',
    clock,
    random,
    logger,
    onChange: (changes) => {
      for (const { before, after } of changes) {
        const { name, namespace = '' } = (after ?? before)?.metadata ?? { name: '' }
        if (name === ROOT_CERTIFICATE_CONFIG_MAP && before) queue.add(namespace)
      }
    },
  })
  const queue = createWorkQueue({
    name: 'root certificates',
    concurrency: 4,
    retryBaseMs: 50,
    retryMaxMs: 10_000,
    clock,
    random,
    logger,
    reconcile: async (namespace) => {
      const object = options.namespace(namespace)
      if (!object || object.metadata.deletionTimestamp !== undefined) return undefined
      await present.synced
      const known = present.get(ROOT_CERTIFICATE_CONFIG_MAP, namespace)
      const rootCertificate = options.rootCertificate()
      if (known?.data?.[ROOT_CERTIFICATE_KEY] === rootCertificate) return undefined
      await write(client, namespace, rootCertificate)
      return undefined
    },
  })
  return {
    namespaceChanged: queue.add,
    async stop() {
      present.stop()
      await queue.stop()
    },
  }
}

/** Creates or corrects it. A namespace that is going refuses new objects, and that is no failure. */
async function write(client: KubeClient, namespace: string, rootCertificate: string): Promise<void> {
  const data = { [ROOT_CERTIFICATE_KEY]: rootCertificate }
  const metadata = { name: ROOT_CERTIFICATE_CONFIG_MAP, namespace, labels: LABEL }
  try {
    await client.create<ConfigMap>(KINDS.configMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data,
    })
    return
  } catch (error) {
    if (isNotFound(error)) return
    if (!isAlreadyExists(error)) throw error
  }
  const patch = { metadata: { labels: LABEL }, data }
  try {
    await client.patch(KINDS.configMap, ROOT_CERTIFICATE_CONFIG_MAP, namespace, patch, {
      type: 'merge',
    })
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}
