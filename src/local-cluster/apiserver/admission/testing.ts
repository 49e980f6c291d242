import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { KubeObject } from '../../../kube/index.ts'
import type { Pki } from '../auth/pki.ts'

/** What a webhook was asked, as far as tests look at it. */
export interface SentReview {
  readonly apiVersion: string
  readonly path: string
  readonly request: {
    readonly uid: string
    readonly object: KubeObject | null
    readonly oldObject: KubeObject | null
    readonly operation: string
    readonly subResource?: string
    readonly dryRun: boolean
    readonly kind: object
    readonly requestKind: object
    readonly resource: { readonly version: string }
  }
}

/** What to answer: members of `response`, or the whole body of the HTTP answer. */
export type HookAnswer =
  | object
  | { readonly status: number; readonly body: string; readonly contentType?: string }

export interface TestHook {
  readonly port: number
  readonly reviews: readonly SentReview[]
  /** Forgets what was asked, and answers like this from now on; undefined never answers. */
  readonly answerWith: (answer: (review: SentReview) => HookAnswer | undefined) => void
  readonly stop: () => void
}

/** A webhook over real TLS, with the certificate of the test's API server. */
export async function startTestHook(pki: Pki): Promise<TestHook> {
  const { certificate, key } = pki.server
  let reviews: SentReview[] = []
  let answer: (review: SentReview) => HookAnswer | undefined = () => ({ allowed: true })
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = {
        ...(JSON.parse(Buffer.concat(chunks).toString()) as SentReview),
        path: request.url ?? '',
      }
      reviews.push(review)
      const answered = answer(review)
      if (!answered) return
      const raw = 'body' in answered && 'status' in answered ? answered : undefined
      response.setHeader('content-type', raw ? (raw.contentType ?? 'text/plain') : 'application/json')
      response.statusCode = raw ? raw.status : 200
      const { apiVersion } = review
      const whole = {
        apiVersion,
        kind: 'AdmissionReview',
        response: { uid: review.request.uid, ...answered },
      }
      response.end(raw ? raw.body : JSON.stringify(whole))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get reviews() {
      return reviews
    },
    answerWith(next) {
      reviews = []
      answer = next
    },
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** An answer that changes the object by a JSON patch. */
export function patched(operations: unknown): object {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64')
  return { allowed: true, patchType: 'JSONPatch', patch }
}

/** A configuration with one webhook for new ConfigMaps. */
export function hookConfiguration(
  kind: 'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration',
  name: string,
  clientConfig: object,
  more: object = {},
) {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
    webhooks: [
      {
        name: 'hook.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
        clientConfig,
        ...more,
      },
    ],
  }
}

/** Creates a ConfigMap as any other client would, to see the headers of the answer. */
export async function postOverTls(
  pki: Pki,
  port: number,
  object: object,
): Promise<{ readonly status: number; readonly warnings: readonly string[] }> {
  const { certificate: cert, key } = pki.admin
  const tls = { ca: pki.caCertificate, cert, key, host: '127.0.0.1', port }
  const path = '/api/v1/namespaces/default/configmaps'
  const headers = { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ ...tls, method: 'POST', path, headers, agent: false }, (response) => {
      response.resume()
      const warnings = response.headersDistinct['warning'] ?? []
      resolve({ status: response.statusCode ?? 0, warnings })
    })
    request.on('error', reject)
    request.end(JSON.stringify(object))
  })
}
