/** Listeners, as Gateway and ListenerSet have them. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, integer, keyedList, map, object, rule, string, word } from '../schema.ts'
import {
  annotationValues,
  conditions,
  gatewayGroup,
  hostname,
  kind,
  namespace,
  objectName,
  portNumber,
  PROTOCOL_PATTERN,
  resource,
  secretReference,
  sectionName,
  waitingConditions,
} from './common.ts'
import { type GatewayApiEdition, gatewayKind, isNewer } from './edition.ts'

const LISTENERS_MAX = 64

export const listenerSet = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'ListenerSet',
  plural: 'listenersets',
  shortNames: ['lset'],
  versions: [{ name: 'v1', storage: true }],
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
    { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
    AGE_COLUMN,
  ],
  schema: () => {
    const waiting = ['Accepted', 'Programmed']
    const parentRef = object(
      { group: gatewayGroup, kind: { ...kind, default: 'Gateway' }, name: objectName, namespace },
      { required: ['name'] },
    )
    return resource(
      object({ listeners: listeners(edition, true), parentRef }, { required: ['listeners', 'parentRef'] }),
      object(
        { conditions: conditions({ waiting }), listeners: listenerStatuses(edition) },
        { default: { conditions: waitingConditions(waiting) } },
      ),
    )
  },
})

export function listeners(edition: GatewayApiEdition, hasOptionalPorts = false): StructuralSchema {
  const rules = listenerRules(edition, hasOptionalPorts)
  return keyedList('name', listener(), { minItems: 1, maxItems: LISTENERS_MAX, rules })
}

export function listenerStatuses(edition: GatewayApiEdition): StructuralSchema {
  const required = ['attachedRoutes', 'conditions', 'name'] as const
  return keyedList(
    'name',
    object(
      {
        attachedRoutes: integer({ format: 'int32' }),
        conditions: conditions(),
        name: sectionName,
        supportedKinds: atomicList(routeGroupKind, { maxItems: 8 }),
      },
      { required: isNewer(edition) ? required : [...required, 'supportedKinds'] },
    ),
    { maxItems: LISTENERS_MAX },
  )
}

function listener(): StructuralSchema {
  return object(
    {
      allowedRoutes: allowedRoutes(),
      hostname,
      name: sectionName,
      port: portNumber,
      protocol: string({ minLength: 1, maxLength: 255, pattern: PROTOCOL_PATTERN }),
      tls: object(
        {
          certificateRefs: atomicList(secretReference, { maxItems: 64 }),
          mode: { ...word('Terminate', 'Passthrough'), default: 'Terminate' },
          options: annotationValues,
        },
        {
          rules: [
            rule(
              'certificateRefs or options must be specified when mode is Terminate',
              "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true",
            ),
          ],
        },
      ),
    },
    { required: ['name', 'port', 'protocol'] },
  )
}

const routeGroupKind = object({ group: gatewayGroup, kind }, { required: ['kind'] })

function allowedRoutes(): StructuralSchema {
  return object(
    {
      kinds: atomicList(routeGroupKind, { maxItems: 8 }),
      namespaces: namespaceChoice('Same', ['All', 'Selector', 'Same']),
    },
    { default: { namespaces: { from: 'Same' } } },
  )
}

/** Which namespaces may attach something. @param from what holds when nothing is said */
export function namespaceChoice(from: string, choices: readonly string[]): StructuralSchema {
  const expression = object(
    { key: string(), operator: string(), values: atomicList(string()) },
    { required: ['key', 'operator'] },
  )
  return object(
    {
      from: { ...word(...choices), default: from },
      selector: object(
        { matchExpressions: atomicList(expression), matchLabels: map(string()) },
        { 'x-kubernetes-map-type': 'atomic' },
      ),
    },
    { default: { from } },
  )
}

/** @param hasOptionalPorts ListenerSet's rule looks whether there is a port */
function listenerRules(edition: GatewayApiEdition, hasOptionalPorts: boolean): readonly ValidationRule[] {
  const [first, second] = hasOptionalPorts ? ['!has(l1.port) || ', 'has(l2.port) && '] : ['', '']
  const modeRule = rule(
    'tls mode must be set for protocol TLS',
    "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))",
  )
  return [
    rule(
      "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
      "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
    ),
    rule(
      'tls mode must be Terminate for protocol HTTPS',
      "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
    ),
    ...(isNewer(edition) ? [modeRule] : []),
    rule(
      "hostname must not be specified for protocols ['TCP', 'UDP']",
      "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') : true)",
    ),
    rule(
      'Listener name must be unique within the Gateway',
      'self.all(l1, self.exists_one(l2, l1.name == l2.name))',
    ),
    rule(
      'Combination of port, protocol and hostname must be unique for each listener',
      `self.all(l1, ${first}self.exists_one(l2, ${second}l1.port == l2.port && l1.protocol == l2.protocol && ` +
        '(has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))',
    ),
  ]
}
