import {
  type Check,
  filledText,
  flag,
  list,
  lowerCaseName,
  object,
  oneOf,
  optional,
  text,
  union,
} from './check.ts'
import { labels, origin } from './check-common.ts'
import {
  type AuthorizationAction,
  type AuthorizationAttribute,
  type AuthorizationCondition,
  type AuthorizationPolicy,
  type AuthorizationRule,
  PLAIN_ATTRIBUTES,
  type PlainAttribute,
} from './authorization-policy.ts'
import type { PolicyScope } from './policy-scope.ts'

export const policyScope = object<PolicyScope>({ namespace: optional(filledText), labels })

type Attribute<Kind> = Extract<AuthorizationAttribute, { readonly kind: Kind }>

const kind = filledText
const plain = object({})

const attribute = union<AuthorizationAttribute['kind']>('kind', {
  ...(Object.fromEntries(PLAIN_ATTRIBUTES.map((name) => [name, plain])) as Record<PlainAttribute, Check>),
  header: object<Attribute<'header'>>({ kind, name: lowerCaseName }),
  claim: object<Attribute<'claim'>>({ kind, path: list(filledText, { filled: true }) }),
  unknown: object<Attribute<'unknown'>>({ kind, name: text }),
})

const condition = object<AuthorizationCondition>({ attribute, values: list(text), notValues: list(text) })

const rule = object<AuthorizationRule>({
  from: list(list(condition)),
  to: list(list(condition)),
  when: list(condition),
})

const action = union<AuthorizationAction['kind']>('kind', {
  allow: plain,
  deny: plain,
  audit: plain,
  custom: object<Extract<AuthorizationAction, { readonly kind: 'custom' }>>({ kind, provider: filledText }),
})

export const checkAuthorizationPolicy: Check = object<AuthorizationPolicy>({
  type: oneOf('authorization-policy'),
  key: filledText,
  scope: policyScope,
  action,
  isDryRun: flag,
  rules: list(rule),
  origin,
})
