/** `authorizer` of admission expressions: `authorizer.group('apps').resource('deployments').check('get').allowed()`. */
import { type CelFunc, celMap, type CelMap, celMethod, CelScalar } from '@bufbuild/cel'
import { OPAQUE } from './opaque.ts'

export interface AccessQuestion {
  readonly verb: string
  /** set for a path that is no resource */
  readonly path: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** `namespace:name` of the account that is asked about; '' is who makes the request */
  readonly serviceAccount: string
}

export interface AccessAnswer {
  readonly allowed: boolean
  readonly reason: string
}

type Member = keyof AccessQuestion

const { BOOL, STRING } = CelScalar
const MARK = '\u0000authorizer'

export function authorizerValue(): CelMap {
  return celMap(new Map([[MARK, '']]))
}

/** @param ask answers for the request whose expression is being evaluated */
export function authorizerFunctions(ask: (question: AccessQuestion) => AccessAnswer): CelFunc[] {
  const builder = (name: string, member: Member) =>
    celMethod(name, OPAQUE, [STRING], OPAQUE, function (value) {
      return withMember(this, member, value)
    })
  return [
    builder('group', 'group'),
    builder('resource', 'resource'),
    builder('subresource', 'subresource'),
    builder('namespace', 'namespace'),
    builder('name', 'name'),
    builder('path', 'path'),
    celMethod('serviceAccount', OPAQUE, [STRING, STRING], OPAQUE, function (namespace, name) {
      return withMember(this, 'serviceAccount', `${namespace}:${name}`)
    }),
    celMethod('check', OPAQUE, [STRING], OPAQUE, function (verb) {
      const { allowed, reason } = ask(questionOf(this, verb))
      const answer = new Map([
        [MARK, ''],
        ['allowed', String(allowed)],
        ['reason', reason],
      ])
      return celMap(answer)
    }),
    celMethod('allowed', OPAQUE, [], BOOL, function () {
      return textOf(this, 'allowed') === 'true'
    }),
    celMethod('reason', OPAQUE, [], STRING, function () {
      return textOf(this, 'reason')
    }),
    celMethod('errored', OPAQUE, [], BOOL, () => false),
    celMethod('error', OPAQUE, [], STRING, () => ''),
  ]
}

function withMember(value: CelMap, member: Member, text: string): CelMap {
  if (!value.has(MARK)) throw new Error('no such overload: authorizer expected')
  const members = new Map<string, string>()
  for (const [key, known] of value.entries()) {
    if (typeof key === 'string' && typeof known === 'string') members.set(key, known)
  }
  return celMap(members.set(member, text))
}

function questionOf(value: CelMap, verb: string): AccessQuestion {
  const text = (member: Member) => textOf(value, member)
  return {
    verb,
    path: text('path'),
    group: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
    serviceAccount: text('serviceAccount'),
  }
}

function textOf(value: CelMap, member: string): string {
  const text = value.get(member)
  return typeof text === 'string' ? text : ''
}
