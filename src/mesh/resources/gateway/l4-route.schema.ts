/** TCPRoute, UDPRoute and TLSRoute: connections to backends, told apart by port or server name. */
import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object, rule } from '../schema.ts'
import {
  attachment,
  hostname,
  resource,
  routeStatus,
  ruleNameRules,
  sectionName,
  SUBDOMAIN,
} from './common.ts'
import { type GatewayApiEdition, gatewayKind, isExperimental } from './edition.ts'
import { backendMembers, SERVICE_PORT, weight } from './route-filter.schema.ts'

export const tcpRoute = (edition: GatewayApiEdition): KindDefinition =>
  portRoute(edition, 'TCPRoute', 'tcproutes')

export const udpRoute = (edition: GatewayApiEdition): KindDefinition =>
  portRoute(edition, 'UDPRoute', 'udproutes')

export const tlsRoute = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'TLSRoute',
  plural: 'tlsroutes',
  versions: [
    { name: 'v1', storage: true },
    {
      ...olderVersion(edition, 'TLSRoute', 'v1alpha2'),
      schema: () =>
        routeResource(edition, { hostnames: atomicList(hostname, { maxItems: HOSTNAMES_MAX }) }, true),
    },
    olderVersion(edition, 'TLSRoute', 'v1alpha3'),
  ],
  columns: [AGE_COLUMN],
  schema: () => routeResource(edition, { hostnames: serverNames() }),
})

const HOSTNAMES_MAX = 1024

function portRoute(edition: GatewayApiEdition, kind: string, plural: string): KindDefinition {
  return {
    ...gatewayKind(edition),
    kind,
    plural,
    versions: [
      { name: 'v1', storage: true },
      { ...olderVersion(edition, kind, 'v1alpha2'), schema: () => routeResource(edition, {}, true) },
    ],
    columns: [AGE_COLUMN],
    schema: () => routeResource(edition, {}),
  }
}

function olderVersion(edition: GatewayApiEdition, kind: string, name: string) {
  return {
    name,
    served: isExperimental(edition),
    deprecationWarning: `The ${name} version of ${kind} has been deprecated and will be removed in a future release of the API. Please upgrade to v1.`,
  }
}

/** @param isAlpha v1alpha2 allows several rules and leaves host names to choice */
function routeResource(
  edition: GatewayApiEdition,
  hosts: Readonly<Record<string, StructuralSchema>>,
  isAlpha = false,
): StructuralSchema {
  const backend = object({ ...backendMembers, weight }, { required: ['name'], rules: [SERVICE_PORT] })
  const routeRule = object(
    { backendRefs: atomicList(backend, { minItems: 1, maxItems: 16 }), name: sectionName },
    { required: ['backendRefs'] },
  )
  const rules = atomicList(routeRule, {
    minItems: 1,
    maxItems: isAlpha ? 16 : 1,
    rules: isAlpha ? ruleNameRules(edition) : [],
  })
  const members: Readonly<Record<string, StructuralSchema>> = { ...hosts, ...attachment(edition), rules }
  const required = isAlpha ? ['rules'] : [...Object.keys(hosts), 'rules']
  return resource(object(members, { required }), routeStatus)
}

function serverNames(): StructuralSchema {
  const name = String.raw`'^(${SUBDOMAIN.replaceAll('\\', '\\\\')})$'`
  return atomicList(hostname, {
    minItems: 1,
    maxItems: HOSTNAMES_MAX,
    rules: [
      rule('Hostnames cannot contain an IP', 'self.all(h, !isIP(h))'),
      rule(
        'Hostnames must be valid based on RFC-1123',
        `self.all(h, !h.contains('*') ? h.matches(${name}) : true)`,
      ),
      rule(
        'Wildcards on hostnames must be the first label, and the rest of hostname must be valid based on RFC-1123',
        `self.all(h, h.contains('*') ? (h.startsWith('*.') && h.substring(2).matches(${name})) : true)`,
      ),
    ],
  })
}
