/** For tests: issuers of tokens. */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type JwtRule, type RequestAuthentication, requestAuthenticationName } from '../../../model/index.ts'

const HASHES: Readonly<Record<string, string | null>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' }
const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

export interface TestIssuer {
  /** A JSON Web Key Set. */
  readonly jwks: string
  readonly token: (
    claims: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ) => string
}

function pairFor(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  const namedCurve = CURVES[alg]
  return namedCurve === undefined
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve })
}

export function createIssuer(alg = 'ES256', kid = 'one'): TestIssuer {
  const { publicKey, privateKey } = pairFor(alg)
  const hash = HASHES[alg.slice(2)] ?? null
  return {
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }] }),
    token(claims, header = {}) {
      const signed = [{ alg, kid, ...header }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const isPss = alg.startsWith('PS')
      const signature = sign(hash, Buffer.from(signed), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
        ...(isPss && {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }),
      })
      return `${signed}.${signature.toString('base64url')}`
    },
  }
}

export const ISSUER = 'https://issuer.example'

export function jwtRuleOf(keys: JwtRule['keys'], more: Partial<JwtRule> = {}): JwtRule {
  return {
    issuer: ISSUER,
    audiences: [],
    keys,
    from: { headers: [], params: [], cookies: [] },
    forwardsToken: false,
    claimHeaders: [],
    spaceDelimitedClaims: ['scope'],
    ...more,
  }
}

export function authenticationOf(...rules: readonly JwtRule[]): RequestAuthentication {
  const origin = { kind: 'RequestAuthentication', namespace: 'demo', name: 'tokens' }
  return {
    type: 'request-authentication',
    key: requestAuthenticationName(origin),
    scope: { namespace: 'demo', labels: {} },
    rules,
    origin,
  }
}
