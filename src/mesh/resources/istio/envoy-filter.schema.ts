import type { StructuralSchema } from '../../../kube/index.ts'
import type { KindDefinition } from '../definition.ts'
import { atMostOneOf, list, map, object, rule, string, word } from '../schema.ts'
import {
  checkedPort,
  int32,
  ISTIO_KIND,
  onlyOneTarget,
  resource,
  targetReferences,
  uint32,
  workloadLabels,
} from './common.ts'

export const ENVOY_FILTER: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'EnvoyFilter',
  plural: 'envoyfilters',
  versions: [{ name: 'v1alpha3', storage: true }],
  schema: () =>
    resource(
      object(
        {
          configPatches: list(object({ applyTo: word(...APPLY_TO), match: match(), patch: patch() })),
          priority: int32,
          targetRefs: targetReferences,
          workloadSelector: workloadLabels,
        },
        { rules: [onlyOneTarget('workloadSelector', 'workloadSelector', 'targetRefs')] },
      ),
    ),
}

const APPLY_TO = [
  'INVALID',
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'LISTENER_FILTER',
]

const filter = object({ name: string(), subFilter: object({ name: string() }) })

function match(): StructuralSchema {
  return object(
    {
      cluster: object({ name: string(), portNumber: uint32, service: string(), subset: string() }),
      context: word('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
      listener: object({
        filterChain: object({
          applicationProtocols: string(),
          destinationPort: uint32,
          filter,
          name: string(),
          sni: string(),
          transportProtocol: string(),
        }),
        listenerFilter: string(),
        name: string(),
        portName: string(),
        portNumber: uint32,
      }),
      proxy: object({ metadata: map(string()), proxyVersion: string() }),
      routeConfiguration: object({
        gateway: string(),
        name: string(),
        portName: string(),
        portNumber: uint32,
        vhost: object({
          domainName: string(),
          name: string(),
          route: object({ action: word('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE'), name: string() }),
        }),
      }),
      waypoint: object({ filter, portNumber: checkedPort, route: object({ name: string() }) }),
    },
    {
      ...atMostOneOf('listener', 'routeConfiguration', 'cluster', 'waypoint'),
      rules: [
        rule(
          'only support waypointMatch when context is WAYPOINT',
          'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)',
        ),
      ],
    },
  )
}

function patch(): StructuralSchema {
  return object({
    filterClass: word('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
    operation: word(
      'INVALID',
      'MERGE',
      'ADD',
      'REMOVE',
      'INSERT_BEFORE',
      'INSERT_AFTER',
      'INSERT_FIRST',
      'REPLACE',
      'MERGE_AND_REPLACE_LIST',
    ),
    value: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  })
}
