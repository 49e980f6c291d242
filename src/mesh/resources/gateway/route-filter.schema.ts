/** Filters and header matches, which HTTPRoute and GRPCRoute share in large part. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { atomicList, integer, keyedList, list, object, rule, string, word } from '../schema.ts'
import { group, kind, localReference, namespace, objectName, portNumber } from './common.ts'
import { type GatewayApiEdition, isExperimental } from './edition.ts'

export const headerName = string({
  minLength: 1,
  maxLength: 256,
  pattern: String.raw`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`,
})

/** What a header's value may be, where the experimental channel checks it. */
export const HEADER_VALUE = { pattern: String.raw`^[!-~]+([\t ]?[!-~]+)*$` }

/** Matches of headers or query parameters. @param valueMax characters */
export function namedMatches(valueMax: number, more: { readonly pattern?: string } = {}): StructuralSchema {
  return keyedList(
    'name',
    object(
      {
        name: headerName,
        type: { ...word('Exact', 'RegularExpression'), default: 'Exact' },
        value: string({ minLength: 1, maxLength: valueMax, ...more }),
      },
      { required: ['name', 'value'] },
    ),
    { maxItems: 16 },
  )
}

function headerModifier(edition: GatewayApiEdition): StructuralSchema {
  const value = string({
    minLength: 1,
    maxLength: 4096,
    ...(isExperimental(edition) ? HEADER_VALUE : {}),
  })
  const headers = keyedList('name', object({ name: headerName, value }, { required: ['name', 'value'] }), {
    maxItems: 16,
  })
  return object({
    add: headers,
    remove: list(string(), { maxItems: 16, 'x-kubernetes-list-type': 'set' }),
    set: headers,
  })
}

export const SERVICE_PORT = rule(
  'Must have port for Service reference',
  "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
)

export const backendMembers = {
  group: { ...group, default: '' },
  kind: { ...kind, default: 'Service' },
  name: objectName,
  namespace,
  port: portNumber,
}

export const backendReference = object(backendMembers, { required: ['name'], rules: [SERVICE_PORT] })

const requestMirror = object(
  {
    backendRef: backendReference,
    fraction: object(
      {
        denominator: integer({ format: 'int32', minimum: 1, default: 100 }),
        numerator: integer({ format: 'int32', minimum: 0 }),
      },
      {
        required: ['numerator'],
        rules: [
          rule('numerator must be less than or equal to denominator', 'self.numerator <= self.denominator'),
        ],
      },
    ),
    percent: integer({ format: 'int32', minimum: 0, maximum: 100 }),
  },
  {
    required: ['backendRef'],
    rules: [
      rule(
        'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter',
        '!(has(self.percent) && has(self.fraction))',
      ),
    ],
  },
)

/** Each kind of filter and the member that holds its settings. */
export type Filters = Readonly<Record<string, Readonly<Record<string, StructuralSchema>>>>

export function commonFilters(edition: GatewayApiEdition) {
  return {
    RequestHeaderModifier: { requestHeaderModifier: headerModifier(edition) },
    ResponseHeaderModifier: { responseHeaderModifier: headerModifier(edition) },
    RequestMirror: { requestMirror },
    ExtensionRef: { extensionRef: localReference },
  } as const satisfies Filters
}

/** @param filters in the order of their rules  @param typeOrder in the order of the published choices */
export function filter(filters: Filters, typeOrder: readonly string[]): StructuralSchema {
  const rules = Object.entries(filters).flatMap(([type, members]) =>
    Object.keys(members).flatMap((member) => [
      rule(
        `filter.${member} must be nil if the filter.type is not ${type}`,
        `!(has(self.${member}) && self.type != '${type}')`,
      ),
      rule(
        `filter.${member} must be specified for ${type} filter.type`,
        `!(!has(self.${member}) && self.type == '${type}')`,
      ),
    ]),
  )
  const members = Object.assign({}, ...Object.values(filters)) as Readonly<Record<string, StructuralSchema>>
  return object({ ...members, type: word(...typeOrder) }, { required: ['type'], rules })
}

export function notRepeated(type: string): ValidationRule {
  return rule(`${type} filter cannot be repeated`, `self.filter(f, f.type == '${type}').size() <= 1`)
}

export function grpcFilters(edition: GatewayApiEdition): StructuralSchema {
  const order = ['ResponseHeaderModifier', 'RequestHeaderModifier', 'RequestMirror', 'ExtensionRef']
  return atomicList(filter(commonFilters(edition), order), {
    maxItems: 16,
    rules: ['RequestHeaderModifier', 'ResponseHeaderModifier'].map(notRepeated),
  })
}

export const weight = integer({ format: 'int32', default: 1, minimum: 0, maximum: 1_000_000 })

export function backendRefs(filters: StructuralSchema): StructuralSchema {
  return atomicList(
    object({ ...backendMembers, filters, weight }, { required: ['name'], rules: [SERVICE_PORT] }),
    { maxItems: 16 },
  )
}

const RULES_MAX = 16

/** @param sizeAt the number of matches of the rule at an index, as a CEL expression */
export function totalMatchesRule(sizeAt: (rule: string) => string): ValidationRule {
  const sizes = Array.from(
    { length: RULES_MAX },
    (_, index) => `(self.size() > ${index} ? ${sizeAt(`self[${index}]`)} : 0)`,
  )
  return rule(
    'While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128',
    `${sizes.join(' + ')} <= 128`,
  )
}
