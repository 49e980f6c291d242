import {
  type Check,
  filledText,
  flag,
  integer,
  list,
  lowerCaseName,
  object,
  oneOf,
  optional,
  text,
  textThat,
  union,
} from './check.ts'
import { origin } from './check-common.ts'
import { policyScope } from './check-authorization.ts'
import type { JwtKeys, JwtRule, RequestAuthentication } from './request-authentication.ts'

type Keys<Kind> = Extract<JwtKeys, { readonly kind: Kind }>

const kind = filledText
const timeoutMs = integer(1)

const keys = union<JwtKeys['kind']>('kind', {
  inline: object<Keys<'inline'>>({ kind, jwks: text }),
  remote: object<Keys<'remote'>>({
    kind,
    uri: textThat('an address of http or https', (value) => /^https?:\/\/\S+$/i.test(value)),
    timeoutMs,
  }),
  discovered: object<Keys<'discovered'>>({ kind, timeoutMs }),
})

const rule = object<JwtRule>({
  issuer: filledText,
  audiences: list(text),
  keys,
  from: object<JwtRule['from']>({
    headers: list(object<{ name: string; prefix: string }>({ name: lowerCaseName, prefix: text })),
    params: list(filledText),
    cookies: list(filledText),
  }),
  forwardsToken: flag,
  payloadHeader: optional(lowerCaseName),
  claimHeaders: list(object<{ claim: string; header: string }>({ claim: filledText, header: lowerCaseName })),
  spaceDelimitedClaims: list(filledText),
})

export const checkRequestAuthentication: Check = object<RequestAuthentication>({
  type: oneOf('request-authentication'),
  key: filledText,
  scope: policyScope,
  rules: list(rule),
  origin,
})
