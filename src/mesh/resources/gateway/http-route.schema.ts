import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, integer, list, object, rule, string, word } from '../schema.ts'
import {
  attachment,
  durationText,
  hostname,
  resource,
  routeStatus,
  ruleNameRules,
  sectionName,
} from './common.ts'
import { type GatewayApiEdition, gatewayKind, isExperimental, isNewer, STABLE_AND_BETA } from './edition.ts'
import { HTTP_METHODS, httpFilters, PATH_PATTERN } from './http-filter.schema.ts'
import { sessionPersistence } from './traffic-policy.schema.ts'
import { backendRefs, HEADER_VALUE, namedMatches, totalMatchesRule } from './route-filter.schema.ts'

const EVERY_PATH = { type: 'PathPrefix', value: '/' }

export const httpRoute = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'HTTPRoute',
  plural: 'httproutes',
  versions: STABLE_AND_BETA,
  columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }, AGE_COLUMN],
  schema: () =>
    resource(
      object({
        hostnames: atomicList(hostname, { maxItems: 16 }),
        ...attachment(edition),
        rules: atomicList(routeRule(edition), {
          default: [{ matches: [{ path: EVERY_PATH }] }],
          maxItems: 16,
          ...(isNewer(edition) ? { minItems: 1 } : {}),
          rules: [totalMatchesRule((at) => `${at}.matches.size()`), ...ruleNameRules(edition)],
        }),
      }),
      routeStatus,
    ),
})

function routeRule(edition: GatewayApiEdition): StructuralSchema {
  const experiments = { retry: retry(), sessionPersistence: sessionPersistence() }
  return object(
    {
      backendRefs: backendRefs(httpFilters(edition)),
      filters: httpFilters(edition),
      matches: atomicList(match(edition), { default: [{ path: EVERY_PATH }], maxItems: 64 }),
      name: sectionName,
      timeouts: timeouts(),
      ...(isExperimental(edition) ? experiments : {}),
    },
    {
      rules: [
        rule(
          'RequestRedirect filter must not be used together with backendRefs',
          '(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true',
        ),
        prefixRule(
          'When',
          'RequestRedirect',
          `(has(self.filters) && ${prefixFilter('self', 'requestRedirect')})`,
        ),
        prefixRule('When', 'URLRewrite', `(has(self.filters) && ${prefixFilter('self', 'urlRewrite')})`),
        prefixRule('Within backendRefs, when', 'RequestRedirect', backendPrefixFilter('requestRedirect')),
        prefixRule('Within backendRefs, When', 'URLRewrite', backendPrefixFilter('urlRewrite')),
      ],
    },
  )
}

/** Replacing the matched prefix means something only where exactly one prefix is matched. */
function prefixRule(when: string, filter: string, condition: string): ValidationRule {
  return rule(
    `${when} using ${filter} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`,
    `${condition} ? ((size(self.matches) != 1 || !has(self.matches[0].path) || self.matches[0].path.type != 'PathPrefix') ? false : true) : true`,
  )
}

function prefixFilter(owner: string, member: string): string {
  return (
    `${owner}.filters.exists_one(f, has(f.${member}) && has(f.${member}.path) && ` +
    `f.${member}.path.type == 'ReplacePrefixMatch' && has(f.${member}.path.replacePrefixMatch))`
  )
}

function backendPrefixFilter(member: string): string {
  return (
    '(has(self.backendRefs) && self.backendRefs.exists_one(b, ' +
    `(has(b.filters) && ${prefixFilter('b', member)}) ))`
  )
}

function match(edition: GatewayApiEdition): StructuralSchema {
  return object({
    headers: namedMatches(4096, isExperimental(edition) ? HEADER_VALUE : {}),
    method: word(...HTTP_METHODS),
    path: object(
      {
        type: { ...word('Exact', 'PathPrefix', 'RegularExpression'), default: 'PathPrefix' },
        value: string({ default: '/', maxLength: 1024 }),
      },
      { default: EVERY_PATH, rules: pathRules() },
    ),
    queryParams: namedMatches(1024),
  })
}

function pathRules(): readonly ValidationRule[] {
  const plain = (message: string, expression: string): ValidationRule =>
    rule(
      `${message} when type one of ['Exact', 'PathPrefix']`,
      `(self.type in ['Exact','PathPrefix']) ? ${expression} : true`,
    )
  return [
    plain("value must be an absolute path and start with '/'", "self.value.startsWith('/')"),
    ...['//', '/./', '/../', '%2f', '%2F', '#'].map((text) =>
      plain(`must not contain '${text}'`, `!self.value.contains('${text}')`),
    ),
    ...['/..', '/.'].map((text) => plain(`must not end with '${text}'`, `!self.value.endsWith('${text}')`)),
    rule(
      "type must be one of ['Exact', 'PathPrefix', 'RegularExpression']",
      "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
    ),
    rule(
      `must only contain valid characters (matching ${PATH_PATTERN}) for types ['Exact', 'PathPrefix']`,
      `(self.type in ['Exact','PathPrefix']) ? self.value.matches(r"""${PATH_PATTERN}""") : true`,
    ),
  ]
}

function retry(): StructuralSchema {
  return object({
    attempts: integer({ minimum: 1 }),
    backoff: durationText,
    codes: list(integer({ minimum: 400, maximum: 599 }), { 'x-kubernetes-list-type': 'set' }),
  })
}

function timeouts(): StructuralSchema {
  return object(
    { backendRequest: durationText, request: durationText },
    {
      rules: [
        rule(
          'backendRequest timeout cannot be longer than request timeout',
          "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        ),
      ],
    },
  )
}
