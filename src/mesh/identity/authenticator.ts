import { createHash, X509Certificate } from 'node:crypto'
import { type Clock, messageOf } from '../../base/index.ts'
import type { TokenReview } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'
import { parseSpiffeId } from '../../model/index.ts'
import type { Authenticate, Authentication, PeerIdentity } from '../../xds/server/index.ts'

/** The audience that tokens for the control plane are made for. */
const TOKEN_AUDIENCE = 'istio-ca'

/** How long a review holds at most: a deleted ServiceAccount loses its entrance after that. */
const CACHE_TTL_MS = 5 * 60_000
const CACHE_MAX = 10_000
/** Longer than any token of an API server; what is longer is not even asked about. */
const TOKEN_LENGTH_MAX = 16 * 1024

interface Reviewed {
  readonly answer: Authentication
  readonly until: number
}

/** Tells who a caller is, by the certificate of the mesh that it came with, otherwise by its ServiceAccount token. */
export function createAuthenticator(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly trustDomain: () => string
}): Authenticate {
  const byToken = createTokenAuthenticator(options)
  return async (credentials) => {
    const { certificate, token = '' } = credentials
    if (certificate) {
      const answer = certifiedIdentity(certificate, options.trustDomain(), options.clock.now())
      // One whose certificate has run out meanwhile has its token to begin anew with.
      if (answer.kind === 'ok' || token === '') return answer
    }
    if (token !== '') return byToken(token)
    const reason = 'neither a certificate of the mesh nor a ServiceAccount token for the audience istio-ca'
    return { kind: 'refused', reason }
  }
}

/**
 * Who a certificate says that it is. TLS has led it to a root of the mesh when its connection was opened; a connection
 * may live longer than the certificate.
 */
function certifiedIdentity(der: Uint8Array, trustDomain: string, now: number): Authentication {
  const certificate = new X509Certificate(der)
  if (Date.parse(certificate.validTo) <= now) {
    return { kind: 'refused', reason: 'the client certificate has expired' }
  }
  // Exactly one name: who has several could be taken for either.
  const names = certificate.subjectAltName ?? ''
  const id = names.startsWith('URI:') ? parseSpiffeId(names.slice('URI:'.length)) : undefined
  if (!id) return { kind: 'refused', reason: 'the client certificate does not name one identity of the mesh' }
  if (id.trustDomain !== trustDomain) {
    return { kind: 'refused', reason: `the client certificate is of the trust domain ${id.trustDomain}` }
  }
  return { kind: 'ok', identity: { namespace: id.namespace, serviceAccount: id.serviceAccount } }
}

/**
 * Asks the API server about a ServiceAccount token (TokenReview). A good answer is remembered for a while, so that a
 * thousand proxies that reconnect at once are not a thousand reviews twice.
 */
function createTokenAuthenticator(options: {
  readonly client: KubeClient
  readonly clock: Clock
}): (token: string) => Promise<Authentication> {
  const reviewed = new Map<string, Reviewed>()
  const underWay = new Map<string, Promise<Authentication>>()

  const remember = (key: string, answer: Authentication): void => {
    if (answer.kind !== 'ok') return
    const oldest = reviewed.keys().next().value
    if (oldest !== undefined && reviewed.size >= CACHE_MAX) reviewed.delete(oldest)
    reviewed.set(key, { answer, until: options.clock.monotonic() + CACHE_TTL_MS })
  }

  return async (token) => {
    if (token.length > TOKEN_LENGTH_MAX) return { kind: 'refused', reason: 'the token is too long' }
    const key = createHash('sha256').update(token).digest('base64')
    const known = reviewed.get(key)
    if (known && known.until > options.clock.monotonic()) return known.answer
    reviewed.delete(key)
    const pending = underWay.get(key)
    if (pending) return pending
    const review = reviewToken(options.client, token).finally(() => underWay.delete(key))
    underWay.set(key, review)
    const answer = await review
    remember(key, answer)
    return answer
  }
}

async function reviewToken(client: KubeClient, token: string): Promise<Authentication> {
  let review: TokenReview
  try {
    review = await client.create<TokenReview>(KINDS.tokenReview, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: { name: '' },
      spec: { token, audiences: [TOKEN_AUDIENCE] },
    })
  } catch (error) {
    return { kind: 'unavailable', reason: `the token could not be reviewed: ${messageOf(error)}` }
  }
  const { authenticated, user, audiences, error } = review.status ?? {}
  if (!authenticated)
    return { kind: 'refused', reason: `the token is not valid: ${error ?? 'not authenticated'}` }
  // An API server that knows no audiences answers without them and has not checked them.
  if (!audiences?.includes(TOKEN_AUDIENCE)) {
    return { kind: 'refused', reason: `the token is not for the audience ${TOKEN_AUDIENCE}` }
  }
  const identity = identityOf(user?.username ?? '')
  if (!identity)
    return { kind: 'refused', reason: `${user?.username ?? 'the caller'} is not a ServiceAccount` }
  return { kind: 'ok', identity }
}

function identityOf(username: string): PeerIdentity | undefined {
  const [system, kind, namespace, serviceAccount, ...rest] = username.split(':')
  if (system !== 'system' || kind !== 'serviceaccount' || rest.length > 0) return undefined
  return namespace && serviceAccount ? { namespace, serviceAccount } : undefined
}
