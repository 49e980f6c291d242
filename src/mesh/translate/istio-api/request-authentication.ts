import { parseDurationMs } from '../../../base/index.ts'
import {
  type JwtKeys,
  type JwtRule,
  type Origin,
  type RequestAuthentication,
  requestAuthenticationName,
} from '../../../model/index.ts'
import type {
  IstioJwtRule,
  RequestAuthentication as RequestAuthenticationResource,
} from '../../resources/index.ts'
import { asText, isRecord, listOf, textsOf } from '../members.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { attachmentOf } from './policy-scope.ts'

export interface RequestAuthenticationResult {
  readonly key: string
  readonly policies: readonly RequestAuthentication[]
  readonly gateways: readonly string[]
  readonly problems: readonly string[]
  readonly generation: number
  readonly origin: Origin
}

/** Istio's default for one fetch of keys. */
const TIMEOUT_MS = 5000

export function translateRequestAuthentication(
  object: RequestAuthenticationResource,
  settings: MeshSettings,
): RequestAuthenticationResult {
  const namespace = namespaceOf(object)
  const { name, generation = 0 } = object.metadata
  const origin = { kind: 'RequestAuthentication', namespace, name }
  const spec = object.spec ?? {}
  const problems: string[] = []
  const attachment = attachmentOf(spec, namespace, settings)
  const rules = listOf(spec.jwtRules).flatMap((rule, i) => {
    const translated = translateRule(rule, `jwtRules[${i}]`, problems)
    return translated === undefined ? [] : [translated]
  })
  return {
    key: `${namespace}/${name}`,
    policies: attachment.scopes.map(({ scope, part }) => ({
      type: 'request-authentication',
      key: requestAuthenticationName(origin, part),
      scope,
      rules,
      origin,
    })),
    gateways: attachment.gateways,
    problems: [...attachment.problems, ...problems],
    generation,
    origin,
  }
}

function translateRule(rule: IstioJwtRule, path: string, problems: string[]): JwtRule | undefined {
  const issuer = asText(rule.issuer)
  if (issuer === '') {
    problems.push(`${path}.issuer: must be given; the rule has no effect, tokens of others are refused`)
    return undefined
  }
  const payloadHeader = asText(rule.outputPayloadToHeader).toLowerCase()
  return {
    issuer,
    audiences: textsOf(rule.audiences),
    keys: keysOf(rule, path, problems),
    from: {
      headers: listOf(rule.fromHeaders).map(({ name, prefix = '' }) => ({
        name: asText(name).toLowerCase(),
        prefix: asText(prefix),
      })),
      params: textsOf(rule.fromParams),
      cookies: textsOf(rule.fromCookies),
    },
    forwardsToken: rule.forwardOriginalToken === true,
    ...(payloadHeader !== '' && { payloadHeader }),
    claimHeaders: listOf(rule.outputClaimToHeaders).map(({ claim, header }) => ({
      claim: asText(claim),
      header: asText(header).toLowerCase(),
    })),
    spaceDelimitedClaims: [...new Set(['scope', 'permission', ...textsOf(rule.spaceDelimitedClaims)])],
  }
}

function keysOf(rule: IstioJwtRule, path: string, problems: string[]): JwtKeys {
  const timeoutMs = timeoutOf(rule.timeout, path, problems)
  const jwks = asText(rule.jwks)
  if (jwks !== '') {
    if (!isKeySet(jwks))
      problems.push(`${path}.jwks: is not a JSON Web Key Set; tokens of ${rule.issuer ?? ''} are refused`)
    return { kind: 'inline', jwks }
  }
  const uri = asText(rule.jwksUri ?? rule.jwks_uri)
  if (uri === '') return { kind: 'discovered', timeoutMs }
  if (/^https?:\/\/\S+$/i.test(uri) && URL.canParse(uri)) return { kind: 'remote', uri, timeoutMs }
  problems.push(
    `${path}.jwksUri: must be an address of http or https; tokens of ${rule.issuer ?? ''} are refused`,
  )
  return { kind: 'inline', jwks: NO_KEYS }
}

const NO_KEYS = '{"keys":[]}'

function timeoutOf(given: string | undefined, path: string, problems: string[]): number {
  if (given === undefined) return TIMEOUT_MS
  const text = asText(given)
  const ms = parseDurationMs(text)
  if (ms !== undefined && ms > 0) return ms
  problems.push(`${path}.timeout: ${text} is not a duration such as 5s`)
  return TIMEOUT_MS
}

function isKeySet(text: string): boolean {
  try {
    const set: unknown = JSON.parse(text)
    return isRecord(set) && Array.isArray(set['keys'])
  } catch {
    return false
  }
}
