import { randomUUID } from 'node:crypto'
import {
  type AdmissionExpressions,
  type AdmissionScope,
  type AdmissionVariables,
  createAdmissionExpressions,
} from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import type { Authorizer } from '../auth/access.ts'
import { stringAt } from '../json.ts'
import type { User } from '../request.ts'
import type { ServedResource } from '../resources.ts'
import { describeRequest, objectsOf } from './review.ts'
import type { AdmissionRequest } from './types.ts'

type Ask = AdmissionVariables['ask']

export type Conditions =
  | { readonly kind: 'met' }
  | { readonly kind: 'not-met' }
  | { readonly kind: 'error'; readonly message: string }

export type Evaluated =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly message: string }

/** Evaluates the expressions of admission for a request. */
export interface Evaluator {
  readonly scope: (resource: ServedResource, request: AdmissionRequest, params?: unknown) => AdmissionScope
  readonly evaluate: (scope: AdmissionScope, expression: string) => Evaluated
  readonly define: (scope: AdmissionScope, name: string, expression: string) => void
  /** Whether all conditions (`{name, expression}`) hold; one that does not hold decides before one that fails. */
  readonly meets: (scope: AdmissionScope, conditions: readonly unknown[]) => Conditions
}

export function createEvaluator(store: Store, authorizer: Authorizer): Evaluator {
  const expressions: AdmissionExpressions = createAdmissionExpressions()
  const evaluate = (scope: AdmissionScope, expression: string): Evaluated => {
    const compiled = expressions.compile(expression)
    if (!compiled.ok) return { kind: 'error', message: `compilation failed: ${compiled.error}` }
    return compiled.value.run(scope)
  }
  return {
    evaluate,
    scope: (resource, request, params) =>
      expressions.scope({
        ...objectsOf(resource, request),
        request: describeRequest(randomUUID(), resource, request),
        params: params ?? null,
        namespaceObject: namespaceOf(store, request),
        ask: askerFor(authorizer, request.asked.request.user),
      }),
    define(scope, name, expression) {
      const compiled = expressions.compile(expression)
      if (compiled.ok) scope.define(name, compiled.value)
    },
    meets(scope, conditions) {
      const errors: string[] = []
      for (const condition of conditions) {
        const expression = stringAt(condition, 'expression') ?? ''
        const outcome = evaluate(scope, expression)
        if (outcome.kind === 'value' && outcome.value === true) continue
        if (outcome.kind === 'value') return { kind: 'not-met' }
        errors.push(`expression '${expression}' resulted in error: ${outcome.message}`)
      }
      const [only = ''] = errors
      if (errors.length === 0) return { kind: 'met' }
      return { kind: 'error', message: errors.length === 1 ? only : `[${errors.join(', ')}]` }
    },
  }
}

function namespaceOf(store: Store, { asked }: AdmissionRequest): unknown {
  const { namespace } = asked.path
  if (namespace === '') return null
  return store.get({ collection: 'core/namespaces', namespace: '', name: namespace })?.object ?? null
}

/** `authorizer` asks about who makes the request, or about a ServiceAccount. */
function askerFor(authorizer: Authorizer, requester: User): Ask {
  return ({ verb, path, group, resource, subresource, namespace, name, serviceAccount }) => {
    const user = serviceAccount === '' ? requester : accountUser(serviceAccount)
    if (path !== '') return authorizer.authorize({ kind: 'path', user, verb, path })
    const asked = { group, version: '*', plural: resource, subresource, namespace, name }
    return authorizer.authorize({ kind: 'resource', user, verb, path: asked })
  }
}

function accountUser(account: string): User {
  const [namespace = ''] = account.split(':')
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
  return { name: `system:serviceaccount:${account}`, groups }
}
