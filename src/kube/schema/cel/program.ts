import { type CelEnv, celEnv, type CelInput, CelScalar, isCelError, parse, plan } from '@bufbuild/cel'
import { messageOf } from '../../../base/index.ts'
import type { PatternCache } from '../regex.ts'
import { kubernetesFunctions } from './library.ts'

/** A planned expression. */
export interface Program {
  readonly usesOldSelf: boolean
  /** how many loops stand inside each other; steps grow with the list length to this power */
  readonly loopDepth: number
  run(bindings: { readonly self: CelInput; readonly oldSelf: CelInput }): Outcome
}

export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly message: string }

type Planned =
  | { readonly kind: 'program'; readonly program: Program }
  | { readonly kind: 'invalid'; readonly message: string }

/** Plans expressions over `self` and `oldSelf`; each distinct text once, at first use. */
export interface ProgramCache {
  get(expression: string): Planned
}

type RuleEnv = CelEnv<{ self: typeof CelScalar.DYN; oldSelf: typeof CelScalar.DYN }>

export function createProgramCache(patterns: PatternCache): ProgramCache {
  const cache = new Map<string, Planned>()
  let env: RuleEnv | undefined
  return {
    get: (expression) => {
      const known = cache.get(expression)
      if (known) return known
      env ??= createEnv(patterns)
      const planned = planExpression(env, expression)
      cache.set(expression, planned)
      return planned
    },
  }
}

function createEnv(patterns: PatternCache): RuleEnv {
  return celEnv({
    funcs: kubernetesFunctions(patterns),
    variables: { self: CelScalar.DYN, oldSelf: CelScalar.DYN },
    re2: boundedRegex(patterns),
  })
}

/** RE2 with the size limits of `PatternCache`, for the `matches` of CEL itself. */
export function boundedRegex(patterns: PatternCache) {
  return {
    compile: (pattern: string) => {
      const compiled = patterns.get(pattern)
      if (!compiled) throw new Error(`Illegal regex: ${pattern}`)
      return compiled
    },
  }
}

function planExpression(env: RuleEnv, expression: string): Planned {
  try {
    const parsed = parse(expression)
    const shape = shapeOf(parsed.expr)
    const evaluate = plan(env, parsed)
    const run: Program['run'] = (bindings) => outcomeOf(evaluate(bindings))
    return { kind: 'program', program: { ...shape, run } }
  } catch (thrown) {
    return { kind: 'invalid', message: messageOf(thrown) }
  }
}

/** What an evaluation came to; a missing field is told in the words of Kubernetes' own CEL. */
export function outcomeOf(result: unknown): Outcome {
  if (!isCelError(result)) return { kind: 'value', value: result }
  return { kind: 'error', message: result.message.replace(/^field not found: /, 'no such key: ') }
}

interface Shape {
  usesOldSelf: boolean
  loopDepth: number
}

export function shapeOf(expression: unknown): Readonly<Shape> {
  const shape = { usesOldSelf: false, loopDepth: 0 }
  inspect(expression, 0, shape)
  return shape
}

/** Walks the syntax tree whatever its node types: any `identExpr` and `comprehensionExpr` counts. */
function inspect(node: unknown, loops: number, shape: Shape): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) {
    for (const item of node) inspect(item, loops, shape)
    return
  }
  const { case: name, value } = node as { readonly case?: unknown; readonly value?: unknown }
  if (name === 'identExpr' && (value as { readonly name?: unknown }).name === 'oldSelf')
    shape.usesOldSelf = true
  const inside = name === 'comprehensionExpr' ? loops + 1 : loops
  shape.loopDepth = Math.max(shape.loopDepth, inside)
  for (const part of Object.values(node)) inspect(part, inside, shape)
}
