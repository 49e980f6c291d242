import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto'
import { isObject, type JsonObject, listAt, stringAt } from '../json.ts'

/** An object that a token is bound to: it is void when that object is gone. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret'
  readonly name: string
  readonly uid: string
}

export interface TokenClaims {
  readonly namespace: string
  readonly serviceAccount: { readonly name: string; readonly uid: string }
  readonly bound?: BoundObject
  readonly audiences: readonly string[]
  /** seconds since the epoch */
  readonly issuedAt: number
  readonly expiresAt: number
  readonly id: string
}

export interface TokenIssuer {
  readonly issuer: string
  readonly issue: (claims: Omit<TokenClaims, 'id'>) => string
  /** @returns undefined for a token that we did not sign, that is malformed, or that has expired */
  readonly verify: (token: string, nowSeconds: number) => TokenClaims | undefined
  /** RFC 7517, for others who verify our tokens */
  readonly jwks: () => JsonObject
}

export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local'

/** Tokens in use at one time are few: one for each pod that asks. */
const VERIFIED_MAX = 1000

/**
 * Signs and verifies ServiceAccount tokens: JWTs with ES256. A controller sends its token with every request, so that
 * what a signature was once found to be is kept; it took a twelfth of the server's time when routes came by the thousand.
 */
export function createTokenIssuer(key: {
  readonly privatePem: string
  readonly publicPem: string
}): TokenIssuer {
  const privateKey = createPrivateKey(key.privatePem)
  const publicKey = createPublicKey(key.publicPem)
  const jwk = publicKey.export({ format: 'jwk' })
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  const header = encode({ alg: 'ES256', kid: keyId, typ: 'JWT' })
  /** Those that are ours, the oldest first; only what does not change about them. */
  const verified = new Map<string, TokenClaims>()

  function claimsOf(token: string): TokenClaims | undefined {
    const known = verified.get(token)
    if (known) return known
    const [head, payload, signature, ...more] = token.split('.')
    if (!head || !payload || !signature || more.length > 0) return undefined
    if (stringAt(decode(head), 'alg') !== 'ES256') return undefined
    const isOurs = verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    const claims = isOurs ? fromPayload(decode(payload)) : undefined
    if (!claims) return undefined
    const [oldest] = verified.keys()
    if (verified.size >= VERIFIED_MAX && oldest !== undefined) verified.delete(oldest)
    verified.set(token, claims)
    return claims
  }

  return {
    issuer: TOKEN_ISSUER,
    issue(claims) {
      const text = `${header}.${encode(toPayload({ ...claims, id: randomUUID() }))}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    },
    verify(token, nowSeconds) {
      const claims = claimsOf(token)
      return claims && claims.expiresAt > nowSeconds ? claims : undefined
    },
    jwks: () => ({ keys: [{ use: 'sig', kid: keyId, alg: 'ES256', ...jwk }] }),
  }
}

function toPayload(claims: TokenClaims): JsonObject {
  const { bound } = claims
  return {
    aud: claims.audiences,
    exp: claims.expiresAt,
    iat: claims.issuedAt,
    iss: TOKEN_ISSUER,
    jti: claims.id,
    'kubernetes.io': {
      namespace: claims.namespace,
      ...(bound ? { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } } : {}),
      serviceaccount: claims.serviceAccount,
    },
    nbf: claims.issuedAt,
    sub: `system:serviceaccount:${claims.namespace}:${claims.serviceAccount.name}`,
  }
}

function fromPayload(payload: unknown): TokenClaims | undefined {
  if (!isObject(payload) || payload['iss'] !== TOKEN_ISSUER) return undefined
  const kubernetes = payload['kubernetes.io']
  const namespace = stringAt(kubernetes, 'namespace')
  const name = stringAt(kubernetes, 'serviceaccount', 'name')
  const uid = stringAt(kubernetes, 'serviceaccount', 'uid')
  const { exp, iat, jti } = payload
  if (namespace === undefined || name === undefined || uid === undefined) return undefined
  if (typeof exp !== 'number' || typeof iat !== 'number' || typeof jti !== 'string') return undefined
  const bound = boundObject(kubernetes, 'Pod') ?? boundObject(kubernetes, 'Secret')
  return {
    namespace,
    serviceAccount: { name, uid },
    ...(bound ? { bound } : {}),
    audiences: listAt(payload, 'aud').filter((audience) => typeof audience === 'string'),
    issuedAt: iat,
    expiresAt: exp,
    id: jti,
  }
}

function boundObject(kubernetes: unknown, kind: BoundObject['kind']): BoundObject | undefined {
  const name = stringAt(kubernetes, kind.toLowerCase(), 'name')
  const uid = stringAt(kubernetes, kind.toLowerCase(), 'uid')
  return name === undefined || uid === undefined ? undefined : { kind, name, uid }
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    // Not JSON: not a token of ours.
    return undefined
  }
}
