import type { Origin, RequestAuthenticationName } from './names.ts'
import type { PolicyScope } from './policy-scope.ts'

/** Whose tokens requests may carry, and how they are verified (Istio's RequestAuthentication). */
export interface RequestAuthentication {
  readonly type: 'request-authentication'
  readonly key: RequestAuthenticationName
  readonly scope: PolicyScope
  readonly rules: readonly JwtRule[]
  readonly origin: Origin
}

export interface JwtRule {
  readonly issuer: string
  /** Empty: any. */
  readonly audiences: readonly string[]
  readonly keys: JwtKeys
  /** Where a token may be; all empty: `authorization: Bearer …`, then `?access_token=`. */
  readonly from: {
    readonly headers: readonly { readonly name: string; readonly prefix: string }[]
    readonly params: readonly string[]
    readonly cookies: readonly string[]
  }
  /** The application gets the token as it came. */
  readonly forwardsToken: boolean
  /** Field for the payload, base64url; absent: none. */
  readonly payloadHeader?: string
  readonly claimHeaders: readonly { readonly claim: string; readonly header: string }[]
  /** Claims whose text is a list, parted by spaces. */
  readonly spaceDelimitedClaims: readonly string[]
}

export type JwtKeys =
  /** A JSON Web Key Set (RFC 7517). */
  | { readonly kind: 'inline'; readonly jwks: string }
  | { readonly kind: 'remote'; readonly uri: string; readonly timeoutMs: number }
  /** The issuer's OpenID configuration names the place. */
  | { readonly kind: 'discovered'; readonly timeoutMs: number }
