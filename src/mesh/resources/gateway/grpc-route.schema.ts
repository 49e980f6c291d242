import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object, rule, string, word } from '../schema.ts'
import { attachment, hostname, resource, routeStatus, ruleNameRules, sectionName } from './common.ts'
import { type GatewayApiEdition, gatewayKind, isExperimental } from './edition.ts'
import { sessionPersistence } from './traffic-policy.schema.ts'
import { backendRefs, grpcFilters, namedMatches, totalMatchesRule } from './route-filter.schema.ts'

export const grpcRoute = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'GRPCRoute',
  plural: 'grpcroutes',
  versions: [{ name: 'v1', storage: true }],
  columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }, AGE_COLUMN],
  schema: () =>
    resource(
      object({
        hostnames: atomicList(hostname, { maxItems: 16 }),
        ...attachment(edition),
        rules: atomicList(
          object({
            backendRefs: backendRefs(grpcFilters(edition)),
            filters: grpcFilters(edition),
            matches: atomicList(object({ headers: namedMatches(4096), method: methodMatch() }), {
              maxItems: 64,
            }),
            name: sectionName,
            ...(isExperimental(edition) ? { sessionPersistence: sessionPersistence() } : {}),
          }),
          {
            maxItems: 16,
            rules: [
              totalMatchesRule((at) => `(has(${at}.matches) ? ${at}.matches.size() : 0)`),
              ...ruleNameRules(edition),
            ],
          },
        ),
      }),
      routeStatus,
    ),
})

function methodMatch(): StructuralSchema {
  const service = String.raw`^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$`
  const method = '^[A-Za-z_][A-Za-z_0-9]*$'
  const valid = (member: string, pattern: string): ValidationRule =>
    rule(
      `${member} must only contain valid characters (matching ${pattern})`,
      `(!has(self.type) || self.type == 'Exact') && has(self.${member}) ? self.${member}.matches(r"""${pattern}"""): true`,
    )
  return object(
    {
      method: string({ maxLength: 1024 }),
      service: string({ maxLength: 1024 }),
      type: { ...word('Exact', 'RegularExpression'), default: 'Exact' },
    },
    {
      rules: [
        rule(
          "One or both of 'service' or 'method' must be specified",
          'has(self.type) ? has(self.service) || has(self.method) : true',
        ),
        valid('service', service),
        valid('method', method),
      ],
    },
  )
}
