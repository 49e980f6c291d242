import { type AdmissionScope, type KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, listAt, stringAt } from '../json.ts'
import type { Resources, ServedResource } from '../resources.ts'
import { forbidden, StatusError } from '../status-error.ts'
import type { Evaluator } from './evaluate.ts'
import { matchRequest, termsOf } from './match.ts'
import { paramsOf } from './policy-params.ts'
import type { AdmissionRequest } from './types.ts'

const GROUP = 'admissionregistration.k8s.io'
const POLICIES = `${GROUP}/validatingadmissionpolicies`
const BINDINGS = `${GROUP}/validatingadmissionpolicybindings`
/** A longer message made by an expression is not told. */
const MESSAGE_MAX = 5 * 1024

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

/** What a policy has against a request; one that could not be evaluated is a refusal under `Fail` alone. */
interface Finding {
  readonly kind: 'violation' | 'error' | 'misconfigured'
  readonly message: string
  /** '' for the default, `Invalid` */
  readonly reason: string
}

/**
 * Evaluates the ValidatingAdmissionPolicies that are bound to the request. All of them are, so that all warnings are
 * told; the first denial is the answer.
 * @throws StatusError with the reason and code of the first validation that denies
 */
export function checkPolicies(dependencies: PolicyDependencies, request: AdmissionRequest): void {
  const { store } = dependencies
  // Who breaks a policy must be able to mend it.
  if (request.asked.resource.info.group === GROUP || store.count(BINDINGS) === 0) return
  const listed = store.list({ collection: BINDINGS })
  const bindings = listed.kind === 'listed' ? listed.objects : []
  const denials = bindings.flatMap(({ object: binding }) => {
    const bound = bindingFor(dependencies, binding, request)
    return bound ? denialsOf(dependencies, bound, request) : []
  })
  const [first] = denials
  if (first) throw first
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

/** Warns where the binding asks for that. @returns the denials: what is only audited goes nowhere, there is no log */
function denialsOf(
  dependencies: PolicyDependencies,
  bound: Bound,
  request: AdmissionRequest,
): readonly StatusError[] {
  const { policy, binding } = bound
  const isForgiving = stringAt(policy.spec, 'failurePolicy') === 'Ignore'
  const actions = listAt(binding.spec, 'validationActions')
  const names = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`
  return findingsOf(dependencies, bound, request).flatMap((finding) => {
    if (isForgiving && finding.kind !== 'violation') return []
    // A policy that is not set up denies whatever its binding wants to be done.
    const isDenied = finding.kind === 'misconfigured' || actions.includes('Deny')
    if (finding.kind !== 'misconfigured' && actions.includes('Warn')) {
      request.warn(`Validation failed for ${names}: ${finding.message}`)
    }
    return isDenied ? [denial(request, `${names} denied request: ${finding.message}`, finding.reason)] : []
  })
}

function findingsOf(
  dependencies: PolicyDependencies,
  bound: Bound,
  request: AdmissionRequest,
): readonly Finding[] {
  const params = paramsOf(dependencies, bound, request)
  if (params.kind === 'error') {
    const message = `failed to configure ${params.of}: ${params.message}`
    return [{ kind: 'misconfigured', message, reason: '' }]
  }
  return params.values.flatMap((param) => {
    const scope = dependencies.evaluator.scope(bound.resource, request, param)
    return evaluate(dependencies.evaluator, bound.policy, scope)
  })
}

function evaluate(evaluator: Evaluator, policy: KubeObject, scope: AdmissionScope): readonly Finding[] {
  const conditions = evaluator.meets(scope, listAt(policy.spec, 'matchConditions'))
  if (conditions.kind === 'not-met') return []
  if (conditions.kind === 'error') return [{ kind: 'error', message: conditions.message, reason: '' }]
  for (const variable of listAt(policy.spec, 'variables')) {
    const expression = stringAt(variable, 'expression') ?? ''
    evaluator.define(scope, stringAt(variable, 'name') ?? '', expression)
  }
  const validations = listAt(policy.spec, 'validations').map((each) => findingOf(evaluator, scope, each))
  const audits = listAt(policy.spec, 'auditAnnotations').map((each) => auditProblem(evaluator, scope, each))
  return [...validations, ...audits].filter((finding) => finding !== undefined)
}

function findingOf(evaluator: Evaluator, scope: AdmissionScope, validation: unknown): Finding | undefined {
  const expression = stringAt(validation, 'expression') ?? ''
  const outcome = evaluator.evaluate(scope, expression)
  const reason = stringAt(validation, 'reason') ?? ''
  if (outcome.kind === 'error') {
    const message = `expression '${expression}' resulted in error: ${outcome.message}`
    return { kind: 'error', message, reason: '' }
  }
  if (outcome.value === true) return undefined
  const made = textFrom(evaluator, scope, stringAt(validation, 'messageExpression'))
  const given = stringAt(validation, 'message')?.trim() ?? ''
  const message = made ?? (given === '' ? `failed expression: ${expression.trim()}` : given)
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
  return text === '' || text.includes('\n') || text.length > MESSAGE_MAX ? undefined : text
}

/** An annotation for an audit log that does not exist must still be one that could be written. */
function auditProblem(evaluator: Evaluator, scope: AdmissionScope, annotation: unknown): Finding | undefined {
  const expression = stringAt(annotation, 'valueExpression') ?? ''
  const outcome = evaluator.evaluate(scope, expression)
  if (outcome.kind === 'error') {
    const message = `expression '${expression}' resulted in error: ${outcome.message}`
    return { kind: 'error', message, reason: '' }
  }
  if (outcome.value === null || typeof outcome.value === 'string') return undefined
  const message = `valueExpression '${expression}' resulted in unsupported return type: ${typeof outcome.value}. Return type must be either string or null.`
  return { kind: 'error', message, reason: '' }
}

const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
}

function denial({ asked, object }: AdmissionRequest, message: string, given: string): StatusError {
  const name = object?.metadata.name ?? asked.path.name
  const { status } = forbidden(asked.resource.info, name, message, [{ message }])
  const reason = given === '' ? 'Invalid' : given
  return new StatusError({ ...status, reason, code: CODES[reason] ?? 422 })
}
