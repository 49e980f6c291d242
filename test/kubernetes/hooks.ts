import { createServer } from 'node:https'
import type { Pki } from '../../src/local-cluster/apiserver/index.ts'

/** Where both API servers find the webhooks of the table; each path behaves in a way of its own. */
export const HOOKS_PORT = 9443
export const HOOKS_ADDRESS = `https://127.0.0.1:${HOOKS_PORT}`

interface Review {
  readonly apiVersion: string
  readonly kind: string
  readonly request: { readonly uid: string; readonly dryRun: boolean; readonly operation: string }
}

/** The `response` of a review, or a whole HTTP answer. */
type Answer =
  | { readonly kind: 'response'; readonly response: object }
  | { readonly kind: 'raw'; readonly status: number; readonly body: string; readonly type?: string }
  | { readonly kind: 'none' }

const respond = (response: object): Answer => ({ kind: 'response', response })
const raw = (status: number, body: string, type = 'text/plain'): Answer => ({
  kind: 'raw',
  status,
  body,
  type,
})
const patch = (operations: unknown, more: object = {}) =>
  respond({
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
    ...more,
  })

/** By the name of the webhook, which is its path. */
export const HOOKS: Readonly<Record<string, (review: Review) => Answer>> = {
  allow: () => respond({ allowed: true }),
  warn: () => respond({ allowed: true, warnings: ['think "twice"', 'two\nlines'] }),
  deny: () => respond({ allowed: false }),
  'deny-message': () => respond({ allowed: false, status: { message: 'not like this' } }),
  'deny-reason': () => respond({ allowed: false, status: { reason: 'NotAcceptable' } }),
  'deny-code': () =>
    respond({ allowed: false, status: { code: 403, reason: 'Forbidden', message: 'go away' } }),
  'deny-details': () =>
    respond({
      allowed: false,
      status: {
        code: 422,
        reason: 'Invalid',
        message: 'x is wrong',
        details: {
          name: 'x',
          kind: 'Thing',
          causes: [{ field: 'data.x', message: 'no', reason: 'FieldValueInvalid' }],
        },
      },
    }),
  'deny-odd-code': () => respond({ allowed: false, status: { code: 200, message: 'fine, but no' } }),
  add: () => patch([{ op: 'add', path: '/data/added', value: 'yes' }]),
  'bad-patch': () => patch([{ op: 'remove', path: '/data/none' }]),
  'no-list': () => patch({ op: 'add' }),
  'odd-type': () => patch([{ op: 'add', path: '/data/added', value: 'yes' }], { patchType: 'Merge' }),
  'no-type': () => patch([{ op: 'add', path: '/data/added', value: 'yes' }], { patchType: undefined }),
  'type-alone': () => respond({ allowed: true, patchType: 'JSONPatch' }),
  'wrong-uid': () => respond({ allowed: true, uid: 'another' }),
  empty: () => raw(200, '{}', 'application/json'),
  'no-json': () => raw(200, 'yes'),
  boom: () => raw(500, 'boom'),
  'not-found': () => raw(404, 'nothing here'),
  slow: () => ({ kind: 'none' }),
}

/** @returns how to stop them */
export async function startHooks(pki: Pki): Promise<() => void> {
  const { certificate: cert, key } = pki.server
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review
      const name = new URL(request.url ?? '/', HOOKS_ADDRESS).pathname.slice(1)
      const answer = HOOKS[name]?.(review) ?? raw(404, 'no such webhook')
      if (answer.kind === 'none') return
      if (answer.kind === 'raw') {
        response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body)
        return
      }
      const { apiVersion, kind } = review
      const body = { apiVersion, kind, response: { uid: review.request.uid, ...answer.response } }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(HOOKS_PORT, '127.0.0.1', resolve)
  })
  return () => {
    server.close()
    server.closeAllConnections()
  }
}

/** Two webhooks for each behaviour, one of each kind; a ConfigMap is seen by those that its labels name. */
export function hookManifests(caCertificate: string): string {
  const caBundle = Buffer.from(caCertificate).toString('base64')
  const kinds = { Mutating: 'mutate', Validating: 'validate' }
  const documents = Object.keys(HOOKS).flatMap((name) =>
    Object.entries(kinds).map(([kind, label]) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: `${kind}WebhookConfiguration`,
      metadata: { name: `${name}.${label}.example.com` },
      webhooks: [
        {
          name: `${name}.${label}.example.com`,
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          timeoutSeconds: 1,
          objectSelector: { matchLabels: { [label]: name } },
          rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
          clientConfig: { url: `${HOOKS_ADDRESS}/${name}`, caBundle },
        },
      ],
    })),
  )
  return documents.map((document) => `${JSON.stringify(document)}\n---\n`).join('')
}
