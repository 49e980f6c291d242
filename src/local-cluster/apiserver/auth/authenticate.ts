import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../../base/index.ts'
import type { Store } from '../../store/index.ts'
import type { User } from '../request.ts'
import type { TokenClaims, TokenIssuer } from './service-account-token.ts'

export type Verified =
  | { readonly kind: 'valid'; readonly user: User; readonly claims: TokenClaims }
  | { readonly kind: 'invalid'; readonly reason: string }

export interface Authenticator {
  /** @returns undefined when the request proves no identity */
  readonly authenticate: (socket: TLSSocket, authorization: string | undefined) => User | undefined
  /** Checks the signature, the time, and that the account and what the token is bound to still exist. */
  readonly verifyToken: (token: string, audiences: readonly string[]) => Verified
}

const AUTHENTICATED = 'system:authenticated'
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'

/** A client certificate of ours (CN is the user, O the groups), or a ServiceAccount token. */
export function createAuthenticator(options: {
  readonly store: Store
  readonly tokens: TokenIssuer
  readonly clock: Clock
}): Authenticator {
  const bySocket = new WeakMap<TLSSocket, { readonly user: User | undefined }>()
  const verifyToken = (token: string, audiences: readonly string[]): Verified => {
    const claims = options.tokens.verify(token, options.clock.now() / 1000)
    if (!claims) return { kind: 'invalid', reason: 'invalid bearer token' }
    if (!audiences.some((audience) => claims.audiences.includes(audience))) {
      return {
        kind: 'invalid',
        reason: `token audiences ${JSON.stringify(claims.audiences)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      }
    }
    const gone = whatIsGone(options.store, claims)
    return gone ? { kind: 'invalid', reason: gone } : { kind: 'valid', user: userOf(claims), claims }
  }
  return {
    verifyToken,
    authenticate(socket, authorization) {
      const token = /^bearer (.+)$/i.exec(authorization ?? '')?.[1]?.trim()
      if (token !== undefined) {
        const verified = verifyToken(token, [options.tokens.issuer])
        return verified.kind === 'valid' ? verified.user : undefined
      }
      const known = bySocket.get(socket)
      if (known) return known.user
      const user = certificateUser(socket)
      bySocket.set(socket, { user })
      return user
    },
  }
}

function certificateUser(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined
  const certificate = socket.getPeerCertificate()
  const subject: { CN?: string | string[]; O?: string | string[] } | undefined = certificate.subject
  const name = asList(subject?.CN)[0]
  if (name === undefined || name === '') return undefined
  const digest = createHash('sha256').update(certificate.raw).digest('hex')
  const extra = { [CREDENTIAL_ID]: [`X509SHA256=${digest}`] }
  return { name, groups: [...asList(subject?.O), AUTHENTICATED], extra }
}

function asList(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function userOf(claims: TokenClaims): User {
  const { namespace, serviceAccount, bound } = claims
  const extra: Record<string, readonly string[]> = {
    [CREDENTIAL_ID]: [`JTI=${claims.id}`],
  }
  if (bound?.kind === 'Pod') {
    extra['authentication.kubernetes.io/pod-name'] = [bound.name]
    extra['authentication.kubernetes.io/pod-uid'] = [bound.uid]
  }
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED],
    extra,
  }
}

function whatIsGone(store: Store, claims: TokenClaims): string | undefined {
  const { namespace, serviceAccount, bound } = claims
  const uidOf = (plural: string, name: string) =>
    store.get({ collection: `core/${plural}`, namespace, name })?.object.metadata.uid
  const account = uidOf('serviceaccounts', serviceAccount.name)
  if (account === undefined) return 'service account not found'
  if (account !== serviceAccount.uid) return 'service account UID does not match the token claim'
  if (!bound) return undefined
  const plural = bound.kind === 'Pod' ? 'pods' : 'secrets'
  return uidOf(plural, bound.name) === bound.uid ? undefined : 'service account token has been invalidated'
}
