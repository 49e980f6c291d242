import { messageOf } from '../../base/index.ts'
import type { Pod } from '../../kube/index.ts'
import { injectGateway } from './gateway.ts'
import { jsonPatch } from './json-patch.ts'
import { settingsFor } from './proxy-config.ts'
import { selectPod } from './selection.ts'
import type { ProxySettings } from './settings.ts'
import { injectSidecar } from './sidecar.ts'

export interface InjectionOutcome {
  /** The AdmissionReview to answer with. */
  readonly review: unknown
  readonly kind: 'injected' | 'skipped' | 'failed'
  readonly pod: string
  readonly reason?: string
}

/**
 * Answers an AdmissionReview of admission.k8s.io/v1 about a pod.
 * @throws Error when the body is no such review: there is nobody to answer
 */
export function reviewPod(body: unknown, settings: ProxySettings): InjectionOutcome {
  const request = requestOf(body)
  const { uid, namespace, pod } = request
  const name = `${namespace}/${pod.metadata.name || (pod.metadata.generateName ?? '')}`
  const selection = selectPod(pod, namespace, settings)
  if (selection.kind === 'skip') {
    return { review: answer(uid, { allowed: true }), kind: 'skipped', pod: name, reason: selection.reason }
  }
  try {
    const patch = jsonPatch(pod, inject(pod, namespace, settings))
    const response =
      patch.length === 0
        ? { allowed: true }
        : {
            allowed: true,
            patchType: 'JSONPatch',
            patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
          }
    return { review: answer(uid, response), kind: 'injected', pod: name }
  } catch (error) {
    const reason = messageOf(error)
    const status = { message: `failed to inject the sidecar: ${reason}`, code: 400 }
    return { review: answer(uid, { allowed: false, status }), kind: 'failed', pod: name, reason }
  }
}

function inject(pod: Pod, namespace: string, given: ProxySettings): Pod {
  const settings = settingsFor(given, { namespace, labels: pod.metadata.labels ?? {} })
  const templates = pod.metadata.annotations?.['inject.istio.io/templates'] ?? 'sidecar'
  if (templates === 'gateway') return injectGateway(pod, namespace, settings)
  if (templates === 'sidecar') return injectSidecar(pod, namespace, settings)
  throw new Error(`inject.istio.io/templates: ${templates} is not served; use "sidecar" or "gateway"`)
}

function answer(uid: string, response: Readonly<Record<string, unknown>>): unknown {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...response } }
}

interface PodRequest {
  readonly uid: string
  readonly namespace: string
  readonly pod: Pod
}

function requestOf(body: unknown): PodRequest {
  const request = isRecord(body) && body['kind'] === 'AdmissionReview' ? body['request'] : undefined
  if (!isRecord(request) || typeof request['uid'] !== 'string') {
    throw new Error('the body is not an AdmissionReview with a request')
  }
  const { uid, namespace, object } = request
  if (!isRecord(object) || !isRecord(object['metadata']) || !isRecord(object['spec'])) {
    throw new Error('the request carries no pod')
  }
  return {
    uid,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : 'default',
    // The API server has validated it as a Pod before it asked.
    pod: object as unknown as Pod,
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
