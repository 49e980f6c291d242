import type { AuthorizationAttribute, AuthorizationCondition, AuthorizationRule } from '../../model/index.ts'
import { anyOf, compileCondition, type ConditionContext, type Leniency, type Test } from './condition.ts'

/** @returns undefined for a rule that can never match */
export function compileRule(
  rule: AuthorizationRule,
  context: ConditionContext,
  leniency: Leniency,
): Test | undefined {
  const from = compileAlternatives(rule.from, context, leniency)
  const to = compileAlternatives(rule.to, context, leniency)
  const conditions = compileAll(rule.when, context, leniency)
  if (from === undefined || to === undefined || conditions === undefined) return undefined
  return allOf([...from, ...to, ...conditions])
}

/**
 * One of them is enough; a single one that means nothing takes the whole rule with it, as in Istio.
 * @returns undefined: never
 */
function compileAlternatives(
  alternatives: AuthorizationRule['from'],
  context: ConditionContext,
  leniency: Leniency,
): readonly Test[] | undefined {
  if (alternatives.length === 0) return []
  const tests: Test[] = []
  for (const conditions of alternatives) {
    const all = compileAll(conditions, context, leniency)
    if (all === undefined) return undefined
    tests.push(allOf(all))
  }
  return [anyOf(tests)]
}

function compileAll(
  conditions: readonly AuthorizationCondition[],
  context: ConditionContext,
  leniency: Leniency,
): readonly Test[] | undefined {
  const tests: Test[] = []
  for (const condition of conditions) {
    const compiled = compileCondition(condition, context, leniency)
    if (compiled === undefined) return undefined
    tests.push(...compiled)
  }
  return tests
}

function allOf(tests: readonly Test[]): Test {
  const [first] = tests
  if (tests.length === 1 && first !== undefined) return first
  return (request, connection) => {
    for (const test of tests) if (!test(request, connection)) return false
    return true
  }
}

/** Everything that the rule looks at. */
export function attributesOf({ from, to, when }: AuthorizationRule): readonly AuthorizationAttribute[] {
  return [...from.flat(), ...to.flat(), ...when].map(({ attribute }) => attribute)
}
