import { createAdmissionExpressions, type FieldError, type KubeObject } from '../../../kube/index.ts'
import { listAt, stringAt } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

/** A policy whose expressions cannot be read is refused when it is written, not when it is needed. */
export const POLICY_HOOKS: Partial<KindHooks> = {
  validate: ({ spec }) => [
    ...check(listAt(spec, 'matchConditions'), 'spec.matchConditions', ['expression']),
    ...check(listAt(spec, 'variables'), 'spec.variables', ['expression']),
    ...check(listAt(spec, 'validations'), 'spec.validations', ['expression', 'messageExpression']),
  ],
}

export const WEBHOOK_HOOKS: Partial<KindHooks> = {
  validate: (object: KubeObject) =>
    listAt(object, 'webhooks').flatMap((webhook, index) =>
      check(listAt(webhook, 'matchConditions'), `webhooks[${index}].matchConditions`, ['expression']),
    ),
}

function check(list: readonly unknown[], path: string, members: readonly string[]): readonly FieldError[] {
  if (list.length === 0) return []
  const expressions = createAdmissionExpressions()
  return list.flatMap((entry, index) =>
    members.flatMap((member): readonly FieldError[] => {
      const text = stringAt(entry, member)
      if (text === undefined) return []
      const compiled = expressions.compile(text)
      if (compiled.ok) return []
      const detail = `compilation failed: ${compiled.error}`
      return [{ type: 'Invalid value', path: `${path}[${index}].${member}`, value: text, detail }]
    }),
  )
}
