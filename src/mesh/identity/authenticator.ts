import { createHash } from 'node:crypto'
import { type Clock, messageOf } from '../../base/index.ts'
import type { TokenReview } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { Authenticate, Authentication, PeerIdentity } from '../../xds/server/index.ts'

/** The audience that tokens for the control plane are made for. */
const TOKEN_AUDIENCE = 'istio-ca'

/** How long a review holds at most: a deleted ServiceAccount loses its entrance after that. */
const CACHE_TTL_MS = 5 * 60_000
const CACHE_MAX = 10_000

interface Reviewed {
  readonly answer: Authentication
  readonly until: number
}

/**
 * Tells who a caller is by asking the API server about its ServiceAccount token (TokenReview). A good answer is
 * remembered for a while, so that a thousand proxies that reconnect at once are not a thousand reviews twice.
 */
export function createTokenAuthenticator(options: {
  readonly client: KubeClient
  readonly clock: Clock
}): Authenticate {
  const reviewed = new Map<string, Reviewed>()
  const underWay = new Map<string, Promise<Authentication>>()

  const remember = (key: string, answer: Authentication): void => {
    if (answer.kind !== 'ok') return
    const oldest = reviewed.keys().next().value
    if (oldest !== undefined && reviewed.size >= CACHE_MAX) reviewed.delete(oldest)
    reviewed.set(key, { answer, until: options.clock.monotonic() + CACHE_TTL_MS })
  }

  return async ({ token }) => {
    if (token === undefined || token === '') {
      return {
        kind: 'refused',
        reason: 'no token: a ServiceAccount token for the audience istio-ca is needed',
      }
    }
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
