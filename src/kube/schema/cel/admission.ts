/** CEL of admission: match conditions of webhooks, and validating admission policies. */
import { type CelEnv, celEnv, type CelInput, celList, celMap, CelScalar, parse, plan } from '@bufbuild/cel'
import { fail, messageOf, ok, type Result } from '../../../base/index.ts'
import { isRecord } from '../../json.ts'
import { createPatternCache } from '../regex.ts'
import { type AccessAnswer, type AccessQuestion, authorizerFunctions, authorizerValue } from './authorizer.ts'
import { kubernetesFunctions } from './library.ts'
import { boundedRegex, type Outcome, outcomeOf, shapeOf } from './program.ts'
import { danglingReferences } from './references.ts'
import { longest, STEPS_MAX } from './rules.ts'

/** What an expression sees; JSON values, `null` where there is none. */
export interface AdmissionVariables {
  readonly object: unknown
  readonly oldObject: unknown
  readonly request: unknown
  readonly params: unknown
  readonly namespaceObject: unknown
  readonly ask: (question: AccessQuestion) => AccessAnswer
}

export interface AdmissionExpression {
  readonly run: (scope: AdmissionScope) => Outcome
}

/** The variables of one request, converted once for all expressions. */
export interface AdmissionScope {
  /** Evaluates and remembers one of the policy's own variables (`variables.x`). */
  readonly define: (name: string, expression: AdmissionExpression) => void
  readonly bindings: () => Bindings
  readonly ask: AdmissionVariables['ask']
  readonly longest: number
}

export interface AdmissionExpressions {
  /** Plans an expression; each distinct text once. */
  readonly compile: (expression: string) => Result<AdmissionExpression, string>
  readonly scope: (variables: AdmissionVariables) => AdmissionScope
}

const NAMES = [
  'object',
  'oldObject',
  'request',
  'params',
  'namespaceObject',
  'authorizer',
  'variables',
] as const
type Name = (typeof NAMES)[number]
type Bindings = Readonly<Record<Name, CelInput>>
type Env = CelEnv<Record<Name, typeof CelScalar.DYN>>

/** All of them may be of any shape: a policy is for many kinds. */
const DECLARED: ReadonlyMap<string, undefined> = new Map(NAMES.map((name) => [name, undefined]))

const COMPILED_MAX = 2000
const BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run'

export function createAdmissionExpressions(): AdmissionExpressions {
  const compiled = new Map<string, Result<AdmissionExpression, string>>()
  // Evaluation is synchronous, so the request that is being evaluated is the only one that may ask.
  let asking: AdmissionVariables['ask'] | undefined
  let env: Env | undefined
  const planExpression = (text: string): Result<AdmissionExpression, string> => {
    try {
      const dangling = danglingReferences(text, DECLARED)
      if (dangling !== undefined) return fail(dangling)
      const parsed = parse(text)
      const { loopDepth } = shapeOf(parsed.expr)
      env ??= createEnv((question) => asking?.(question) ?? { allowed: false, reason: '' })
      const evaluate = plan(env, parsed)
      return ok({
        run(scope) {
          if (loopDepth > 1 && scope.longest ** loopDepth > STEPS_MAX)
            return { kind: 'error', message: BUDGET }
          asking = scope.ask
          return outcomeOf(evaluate(scope.bindings()))
        },
      })
    } catch (error) {
      return fail(messageOf(error))
    }
  }
  return {
    compile(expression) {
      const known = compiled.get(expression)
      if (known) return known
      if (compiled.size >= COMPILED_MAX) compiled.clear()
      const planned = planExpression(expression)
      compiled.set(expression, planned)
      return planned
    },
    scope: createScope,
  }
}

function createEnv(ask: AdmissionVariables['ask']): Env {
  const patterns = createPatternCache()
  const variables = Object.fromEntries(NAMES.map((name) => [name, CelScalar.DYN])) as Record<
    Name,
    typeof CelScalar.DYN
  >
  return celEnv({
    funcs: [...kubernetesFunctions(patterns), ...authorizerFunctions(ask)],
    variables,
    re2: boundedRegex(patterns),
  })
}

function createScope(variables: AdmissionVariables): AdmissionScope {
  const { object, oldObject, request, params, namespaceObject, ask } = variables
  const own = new Map<string, CelInput>()
  const base = {
    object: toDynamicValue(object),
    oldObject: toDynamicValue(oldObject),
    request: toDynamicValue(request),
    params: toDynamicValue(params),
    namespaceObject: toDynamicValue(namespaceObject),
    authorizer: authorizerValue(),
  }
  const scope: AdmissionScope = {
    ask,
    longest: Math.max(...[object, oldObject, params].map(longest)),
    bindings: () => ({ ...base, variables: celMap(new Map(own)) }),
    define(name, expression) {
      const outcome = expression.run(scope)
      // A variable that fails is missing, which fails the expressions that need it and no others.
      if (outcome.kind === 'value') own.set(name, outcome.value as CelInput)
    },
  }
  return scope
}

/** A JSON value without a schema: whole numbers are int, everything else as it is. */
function toDynamicValue(value: unknown): CelInput {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return celList(value.map(toDynamicValue))
  if (!isRecord(value)) return null
  const members = new Map<string, CelInput>()
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) members.set(key, toDynamicValue(item))
  }
  return celMap(members)
}
