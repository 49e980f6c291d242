/** Filters and header matches, which HTTPRoute and GRPCRoute share in large part. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { atomicList, integer, keyedList, list, object, rule, string, word } from '../schema.ts'
import { group, kind, localReference, namespace, objectName, portNumber, preciseHostname } from './common.ts'

const headerName = string({
  minLength: 1,
  maxLength: 256,
  pattern: String.raw`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`,
})

/** Matches of headers or query parameters. @param valueMax characters */
export function namedMatches(valueMax: number): StructuralSchema {
  return keyedList(
    'name',
    object(
      {
        name: headerName,
        type: { ...word('Exact', 'RegularExpression'), default: 'Exact' },
        value: string({ minLength: 1, maxLength: valueMax }),
      },
      { required: ['name', 'value'] },
    ),
    { maxItems: 16 },
  )
}

const headers = keyedList(
  'name',
  object(
    { name: headerName, value: string({ minLength: 1, maxLength: 4096 }) },
    { required: ['name', 'value'] },
  ),
  { maxItems: 16 },
)

const headerModifier = object({
  add: headers,
  remove: list(string(), { maxItems: 16, 'x-kubernetes-list-type': 'set' }),
  set: headers,
})

const SERVICE_PORT = rule(
  'Must have port for Service reference',
  "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
)

const backendMembers = {
  group: { ...group, default: '' },
  kind: { ...kind, default: 'Service' },
  name: objectName,
  namespace,
  port: portNumber,
}

const requestMirror = object(
  {
    backendRef: object(backendMembers, { required: ['name'], rules: [SERVICE_PORT] }),
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

function pathModifier(): StructuralSchema {
  const both = (type: string, member: string): readonly ValidationRule[] => [
    rule(
      `${member} must be specified when type is set to '${type}'`,
      `self.type == '${type}' ? has(self.${member}) : true`,
    ),
    rule(
      `type must be '${type}' when ${member} is set`,
      `has(self.${member}) ? self.type == '${type}' : true`,
    ),
  ]
  return object(
    {
      replaceFullPath: string({ maxLength: 1024 }),
      replacePrefixMatch: string({ maxLength: 1024 }),
      type: word('ReplaceFullPath', 'ReplacePrefixMatch'),
    },
    {
      required: ['type'],
      rules: [
        ...both('ReplaceFullPath', 'replaceFullPath'),
        ...both('ReplacePrefixMatch', 'replacePrefixMatch'),
      ],
    },
  )
}

/** Each kind of filter and the member that holds its settings. */
const COMMON_FILTERS = {
  RequestHeaderModifier: { requestHeaderModifier: headerModifier },
  ResponseHeaderModifier: { responseHeaderModifier: headerModifier },
  RequestMirror: { requestMirror },
  ExtensionRef: { extensionRef: localReference },
}

const HTTP_FILTERS = {
  RequestHeaderModifier: COMMON_FILTERS.RequestHeaderModifier,
  ResponseHeaderModifier: COMMON_FILTERS.ResponseHeaderModifier,
  RequestMirror: COMMON_FILTERS.RequestMirror,
  RequestRedirect: {
    requestRedirect: object({
      hostname: preciseHostname,
      path: pathModifier(),
      port: portNumber,
      scheme: word('http', 'https'),
      statusCode: integer({ default: 302, enum: [301, 302] }),
    }),
  },
  URLRewrite: { urlRewrite: object({ hostname: preciseHostname, path: pathModifier() }) },
  ExtensionRef: COMMON_FILTERS.ExtensionRef,
}

function filter(
  filters: Readonly<Record<string, Readonly<Record<string, StructuralSchema>>>>,
  typeOrder: readonly string[],
): StructuralSchema {
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

function notRepeated(type: string): ValidationRule {
  return rule(`${type} filter cannot be repeated`, `self.filter(f, f.type == '${type}').size() <= 1`)
}

export function httpFilters(): StructuralSchema {
  return atomicList(filter(HTTP_FILTERS, Object.keys(HTTP_FILTERS)), {
    maxItems: 16,
    rules: [
      rule(
        'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
        "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
      ),
      ...['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'].map(
        notRepeated,
      ),
    ],
  })
}

export function grpcFilters(): StructuralSchema {
  const order = ['ResponseHeaderModifier', 'RequestHeaderModifier', 'RequestMirror', 'ExtensionRef']
  return atomicList(filter(COMMON_FILTERS, order), {
    maxItems: 16,
    rules: ['RequestHeaderModifier', 'ResponseHeaderModifier'].map(notRepeated),
  })
}

export function backendRefs(filters: StructuralSchema): StructuralSchema {
  const weight = integer({ format: 'int32', default: 1, minimum: 0, maximum: 1_000_000 })
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
