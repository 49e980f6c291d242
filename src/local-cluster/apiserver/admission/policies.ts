import { type AdmissionScope, type KubeObject, matchesLabels, parseApiVersion } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, listAt, stringAt } from '../json.ts'
import { inVersion } from '../resource-request.ts'
import type { Resources, ServedResource } from '../resources.ts'
import { forbidden, StatusError } from '../status-error.ts'
import type { Evaluator } from './evaluate.ts'
import { matchRequest, termsOf } from './match.ts'
import type { AdmissionRequest } from './types.ts'

const GROUP = 'admissionregistration.k8s.io'
const POLICIES = `${GROUP}/validatingadmissionpolicies`
const BINDINGS = `${GROUP}/validatingadmissionpolicybindings`

export interface PolicyDependencies {
  readonly store: Store
  readonly resources: Resources
  readonly evaluator: Evaluator
}

/** A binding that wants to see a request, with its policy. */
interface Bound {
  readonly policy: KubeObject
  readonly binding: KubeObject
  readonly resource: ServedResource
}

/**
 * Evaluates the ValidatingAdmissionPolicies that are bound to the request.
 * @throws StatusError with the reason and code of the first validation that denies
 */
export function checkPolicies(dependencies: PolicyDependencies, request: AdmissionRequest): void {
  const { store } = dependencies
  // Who breaks a policy must be able to mend it.
  if (request.asked.resource.info.group === GROUP || store.count(BINDINGS) === 0) return
  const listed = store.list({ collection: BINDINGS })
  const bindings = listed.kind === 'listed' ? listed.objects : []
  for (const { object: binding } of bindings) {
    const bound = bindingFor(dependencies, binding, request)
    if (bound) checkBinding(dependencies, bound, request)
  }
}

function bindingFor(
  dependencies: PolicyDependencies,
  binding: KubeObject,
  request: AdmissionRequest,
): Bound | undefined {
  const name = stringAt(binding.spec, 'policyName') ?? ''
  const policy = dependencies.store.get({ collection: POLICIES, namespace: '', name })?.object
  if (!policy) return undefined
  const resource = matchRequest(dependencies, termsOf(at(policy.spec, 'matchConstraints')), request)
  if (!resource) return undefined
  const own = at(binding.spec, 'matchResources')
  const rules = listAt(own, 'resourceRules')
  const narrowed = termsOf(own, rules.length === 0 ? EVERYTHING : rules)
  return matchRequest(dependencies, narrowed, request) && { policy, binding, resource }
}

const EVERYTHING = [
  { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'], scope: '*' },
]

function checkBinding(dependencies: PolicyDependencies, bound: Bound, request: AdmissionRequest): void {
  const { policy, binding, resource } = bound
  const { evaluator } = dependencies
  const refuses = policy.spec && stringAt(policy.spec, 'failurePolicy') !== 'Ignore'
  const params = paramsOf(dependencies, bound, request)
  if (params.kind === 'none') return
  if (params.kind === 'error') {
    if (refuses) report(bound, request, { message: params.message, reason: '' })
    return
  }
  for (const param of params.values) {
    const scope = evaluator.scope(resource, request, param)
    const conditions = evaluator.meets(scope, listAt(policy.spec, 'matchConditions'))
    if (conditions.kind === 'not-met') continue
    if (conditions.kind === 'error') {
      if (refuses) report(bound, request, { message: conditions.message, reason: '' })
      continue
    }
    for (const variable of listAt(policy.spec, 'variables')) {
      const expression = stringAt(variable, 'expression') ?? ''
      evaluator.define(scope, stringAt(variable, 'name') ?? '', expression)
    }
    for (const validation of listAt(policy.spec, 'validations')) {
      const failed = failureOf(evaluator, scope, validation)
      const isError = failed?.kind === 'error'
      if (failed && (!isError || refuses)) report({ policy, binding, resource }, request, failed)
    }
  }
}

interface Failure {
  readonly message: string
  readonly reason: string
}

function failureOf(
  evaluator: Evaluator,
  scope: AdmissionScope,
  validation: unknown,
): (Failure & { readonly kind: 'error' | 'violation' }) | undefined {
  const expression = (stringAt(validation, 'expression') ?? '').trim()
  const outcome = evaluator.evaluate(scope, expression)
  const reason = stringAt(validation, 'reason') ?? ''
  if (outcome.kind === 'error') {
    const message = `expression '${expression}' resulted in error: ${outcome.message}`
    return { kind: 'error', message, reason }
  }
  if (outcome.value === true) return undefined
  const message =
    textFrom(evaluator, scope, stringAt(validation, 'messageExpression')) ??
    stringAt(validation, 'message')?.trim() ??
    `failed expression: ${expression}`
  return { kind: 'violation', message, reason }
}

/** A message that cannot be made leaves the word to the fixed one. */
function textFrom(
  evaluator: Evaluator,
  scope: AdmissionScope,
  expression: string | undefined,
): string | undefined {
  if (expression === undefined || expression === '') return undefined
  const outcome = evaluator.evaluate(scope, expression)
  if (outcome.kind === 'error' || typeof outcome.value !== 'string') return undefined
  const text = outcome.value.trim()
  return text === '' || text.includes('\n') ? undefined : text
}

const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
}

/** What is audited goes nowhere: there is no audit log. */
function report(
  { policy, binding }: Bound,
  { asked, object, warn }: AdmissionRequest,
  failed: Failure,
): void {
  const actions = listAt(binding.spec, 'validationActions')
  const policyName = policy.metadata.name
  const bindingName = binding.metadata.name
  if (actions.includes('Warn')) {
    warn(
      `Validation failed for ValidatingAdmissionPolicy '${policyName}' with binding '${bindingName}': ${failed.message}`,
    )
  }
  if (!actions.includes('Deny')) return
  const message = `ValidatingAdmissionPolicy '${policyName}' with binding '${bindingName}' denied request: ${failed.message}`
  const name = object?.metadata.name ?? asked.path.name
  const { status } = forbidden(asked.resource.info, name, message, [{ message }])
  const reason = failed.reason === '' ? 'Invalid' : failed.reason
  throw new StatusError({ ...status, reason, code: CODES[reason] ?? 422 })
}

type Params =
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'found'; readonly values: readonly unknown[] }

/** The objects that a binding parameterizes its policy with: a single nothing where it does not. */
function paramsOf(
  { store, resources }: PolicyDependencies,
  { policy, binding }: Bound,
  { asked }: AdmissionRequest,
): Params {
  const paramKind = at(policy.spec, 'paramKind')
  const paramRef = at(binding.spec, 'paramRef')
  if (!isObject(paramKind) || !isObject(paramRef)) return { kind: 'found', values: [undefined] }
  const { group, version } = parseApiVersion(stringAt(paramKind, 'apiVersion') ?? '')
  const kind = stringAt(paramKind, 'kind') ?? ''
  const resource = resources.findKind({ group, version, kind })
  if (!resource) {
    return {
      kind: 'error',
      message: `failed to configure policy: failed to find resource referenced by paramKind: '${group}/${version}, Kind=${kind}'`,
    }
  }
  const namespace = resource.info.namespaced ? (stringAt(paramRef, 'namespace') ?? asked.path.namespace) : ''
  const listed = store.list({ collection: resource.collection, ...(namespace === '' ? {} : { namespace }) })
  const all = listed.kind === 'listed' ? listed.objects : []
  const name = stringAt(paramRef, 'name')
  const selector = at(paramRef, 'selector')
  const values = all.flatMap(({ object }) => {
    const isMeant =
      name === undefined
        ? isObject(selector) && matchesLabels(selector, object.metadata.labels)
        : object.metadata.name === name
    return isMeant ? [inVersion(object, resource)] : []
  })
  if (values.length > 0) return { kind: 'found', values }
  if (stringAt(paramRef, 'parameterNotFoundAction') === 'Allow') return { kind: 'none' }
  return {
    kind: 'error',
    message:
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  }
}
