import type { Clock } from '../../../base/index.ts'
import type { Pod, ServiceAccountTokenProjection, TokenRequest } from '../../../kube/index.ts'
import { ApiError, KINDS, type KubeClient, pathOf } from '../../../kube/client/index.ts'

/** Tokens of service accounts, asked for once and again before they expire. */
export interface TokenCache {
  /** @throws ApiError when the API server refuses, any error when it cannot be reached and no valid token is left */
  readonly ensure: (pod: Pod, projection: ServiceAccountTokenProjection) => Promise<void>
  readonly get: (pod: Pod, projection: ServiceAccountTokenProjection) => string | undefined
  readonly forget: (podUid: string) => void
  /** When the first of a pod's tokens should be asked for again. */
  readonly refreshAtMs: (podUid: string) => number
}

interface Entry {
  readonly token: string
  readonly refreshAtMs: number
  readonly expiresAtMs: number
}

const DEFAULT_SECONDS = 3600
/** A token is renewed after this share of its life, as the kubelet does. */
const REFRESH_SHARE = 0.8

export function createTokenCache(options: {
  readonly client: KubeClient
  readonly clock: Clock
}): TokenCache {
  const pods = new Map<string, Map<string, Entry>>()
  const entriesOf = (pod: Pod) => pods.get(pod.metadata.uid ?? '')
  return {
    async ensure(pod, projection) {
      const known = entriesOf(pod)?.get(keyOf(projection))
      const now = options.clock.now()
      if (known !== undefined && now < known.refreshAtMs) return
      try {
        const entry = await requestToken(options.client, pod, { projection, now })
        const entries = entriesOf(pod) ?? new Map<string, Entry>()
        entries.set(keyOf(projection), entry)
        pods.set(pod.metadata.uid ?? '', entries)
      } catch (error) {
        // An API server that is away for a while does no harm to a token that is still good.
        if (known === undefined || now >= known.expiresAtMs) throw error
      }
    },
    get: (pod, projection) => entriesOf(pod)?.get(keyOf(projection))?.token,
    forget: (podUid) => void pods.delete(podUid),
    refreshAtMs(podUid) {
      const entries = [...(pods.get(podUid)?.values() ?? [])]
      return Math.min(Infinity, ...entries.map((entry) => entry.refreshAtMs))
    },
  }
}

function keyOf(projection: ServiceAccountTokenProjection): string {
  return `${projection.audience ?? ''}/${projection.expirationSeconds ?? DEFAULT_SECONDS}`
}

async function requestToken(
  client: KubeClient,
  pod: Pod,
  { projection, now }: { readonly projection: ServiceAccountTokenProjection; readonly now: number },
): Promise<Entry> {
  const { name, namespace, uid } = pod.metadata
  const account = pod.spec.serviceAccountName ?? 'default'
  const seconds = projection.expirationSeconds ?? DEFAULT_SECONDS
  const path = pathOf(KINDS.serviceAccount, { namespace, name: account, subresource: 'token' })
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name: account, ...(namespace === undefined ? {} : { namespace }) },
    spec: {
      ...(projection.audience === undefined ? {} : { audiences: [projection.audience] }),
      expirationSeconds: seconds,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, ...(uid === undefined ? {} : { uid }) },
    },
  }
  const response = await client.request({ method: 'POST', path, body })
  if (response.status >= 300) throw new ApiError(response.status, response.body)
  const { token, expirationTimestamp } = (response.body as TokenRequest).status ?? {}
  if (token === undefined)
    throw new Error(`the API server answered without a token for service account ${account}`)
  const expiresAtMs =
    expirationTimestamp === undefined ? now + seconds * 1000 : Date.parse(expirationTimestamp)
  return { token, expiresAtMs, refreshAtMs: now + (expiresAtMs - now) * REFRESH_SHARE }
}
