import type { StructuralSchema, ValidationRule } from '../../kube/index.ts'

/** Small makers of structural schemas, so that a kind's definition reads like its fields. */

type Members = Readonly<Record<string, StructuralSchema>>
type Extra = Omit<StructuralSchema, 'type' | 'properties' | 'items' | 'additionalProperties' | 'required'>

export function object<P extends Members>(
  properties: P,
  options: {
    readonly required?: readonly (keyof P & string)[]
    readonly rules?: readonly ValidationRule[]
  } & Extra = {},
): StructuralSchema {
  const { required, rules, ...extra } = options
  return {
    type: 'object',
    properties,
    ...(required === undefined || required.length === 0 ? {} : { required }),
    ...withRules(rules),
    ...extra,
  }
}

export function string(
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  const { rules, ...extra } = options
  return { type: 'string', ...withRules(rules), ...extra }
}

/** One of a few words. */
export function word(...values: readonly string[]): StructuralSchema {
  return { type: 'string', enum: values }
}

export function integer(
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  const { rules, ...extra } = options
  return { type: 'integer', ...withRules(rules), ...extra }
}

export function number(options: Extra = {}): StructuralSchema {
  return { type: 'number', ...options }
}

export function boolean(options: Extra = {}): StructuralSchema {
  return { type: 'boolean', ...options }
}

export function list(
  items: StructuralSchema,
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  const { rules, ...extra } = options
  return { type: 'array', items, ...withRules(rules), ...extra }
}

/** A list that is replaced as a whole. */
export function atomicList(
  items: StructuralSchema,
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  return list(items, { 'x-kubernetes-list-type': 'atomic', ...options })
}

/** A list whose items are told apart by one member. */
export function keyedList(
  key: string,
  items: StructuralSchema,
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  return list(items, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key], ...options })
}

export function map(
  values: StructuralSchema,
  options: { readonly rules?: readonly ValidationRule[] } & Extra = {},
): StructuralSchema {
  const { rules, ...extra } = options
  return { type: 'object', additionalProperties: values, ...withRules(rules), ...extra }
}

/** At most one of the members may be given: protobuf's oneof, as Istio's schemas say it. */
export function atMostOneOf(...members: readonly string[]): Pick<StructuralSchema, 'oneOf'> {
  return {
    oneOf: [
      { not: { anyOf: members.map((member) => ({ required: [member] })) } },
      ...members.map((member) => ({ required: [member] })),
    ],
  }
}

/** A CEL rule: what must hold, and what the user reads when it does not. */
export function rule(message: string, expression: string): ValidationRule {
  return { message, rule: expression }
}

function withRules(
  rules: readonly ValidationRule[] | undefined,
): Pick<StructuralSchema, 'x-kubernetes-validations'> {
  return rules === undefined || rules.length === 0 ? {} : { 'x-kubernetes-validations': rules }
}
