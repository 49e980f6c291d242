import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, integer, keyedList, map, object, rule, string, word } from '../schema.ts'
import {
  ADDRESS_TYPE_PATTERN,
  annotationValues,
  conditions,
  GATEWAY_KIND,
  gatewayGroup,
  group,
  hostname,
  HOSTNAME_PATTERN,
  kind,
  localReference,
  namespace,
  objectName,
  portNumber,
  PROTOCOL_PATTERN,
  resource,
  sectionName,
  STABLE_AND_BETA,
  waitingConditions,
} from './common.ts'

export const GATEWAY: KindDefinition = {
  ...GATEWAY_KIND,
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gtw'],
  versions: STABLE_AND_BETA,
  columns: [
    { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
    { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
    { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
    AGE_COLUMN,
  ],
  schema: () =>
    resource(
      object(
        {
          addresses: atomicList(address(false), {
            maxItems: 16,
            rules: [uniqueAddresses('IPAddress', ''), uniqueAddresses('Hostname', ' ')],
          }),
          gatewayClassName: objectName,
          infrastructure: infrastructure(),
          listeners: keyedList('name', listener(), { minItems: 1, maxItems: 64, rules: listenerRules() }),
        },
        { required: ['gatewayClassName', 'listeners'] },
      ),
      status(),
    ),
}

function address(isStatus: boolean): StructuralSchema {
  const matches = `self.value.matches(r"""${HOSTNAME_PATTERN}""")`
  const hostRule = isStatus
    ? rule(
        `Hostname value must only contain valid characters (matching ${HOSTNAME_PATTERN})`,
        `self.type == 'Hostname' ? ${matches}: true`,
      )
    : rule(
        `Hostname value must be empty or contain only valid characters (matching ${HOSTNAME_PATTERN})`,
        `self.type == 'Hostname' ? (!has(self.value) || ${matches}): true`,
      )
  return object(
    {
      type: string({ default: 'IPAddress', minLength: 1, maxLength: 253, pattern: ADDRESS_TYPE_PATTERN }),
      value: string(isStatus ? { minLength: 1, maxLength: 253 } : { maxLength: 253 }),
    },
    {
      required: isStatus ? ['value'] : [],
      rules: [hostRule],
      oneOf: [
        {
          properties: {
            type: { enum: ['IPAddress'] },
            value: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
          },
        },
        { properties: { type: { not: { enum: ['IPAddress'] } } } },
      ],
    },
  )
}

/** @param space one more blank, which the published rule for host names has */
function uniqueAddresses(type: string, space: string): ValidationRule {
  return rule(
    `${type} values must be unique`,
    `self.all(a1, a1.type == '${type}' ${space}&& has(a1.value) ? self.exists_one(a2, a2.type == a1.type && ` +
      `has(a2.value) && a2.value == a1.value) : true )`,
  )
}

function infrastructure(): StructuralSchema {
  return object({
    annotations: map(string({ minLength: 0, maxLength: 4096 }), {
      maxProperties: 8,
      rules: metadataKeyRules('Annotation', 'annotation'),
    }),
    labels: map(
      string({ minLength: 0, maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' }),
      { maxProperties: 8, rules: metadataKeyRules('Label', 'label') },
    ),
    parametersRef: localReference,
  })
}

function metadataKeyRules(title: string, name: string): readonly ValidationRule[] {
  const pattern = String.raw`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$`
  return [
    rule(
      `${title} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up to 63 characters.`,
      `self.all(key, key.matches(r"""${pattern}"""))`,
    ),
    rule(
      `If specified, the ${name} key's prefix must be a DNS subdomain not longer than 253 characters in total.`,
      'self.all(key, key.split("/")[0].size() < 253)',
    ),
  ]
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
          certificateRefs: atomicList(
            object(
              {
                group: { ...group, default: '' },
                kind: { ...kind, default: 'Secret' },
                name: objectName,
                namespace,
              },
              { required: ['name'] },
            ),
            { maxItems: 64 },
          ),
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
  const expression = object(
    {
      key: string(),
      operator: string(),
      values: atomicList(string()),
    },
    { required: ['key', 'operator'] },
  )
  return object(
    {
      kinds: atomicList(routeGroupKind, { maxItems: 8 }),
      namespaces: object(
        {
          from: { ...word('All', 'Selector', 'Same'), default: 'Same' },
          selector: object(
            { matchExpressions: atomicList(expression), matchLabels: map(string()) },
            { 'x-kubernetes-map-type': 'atomic' },
          ),
        },
        { default: { from: 'Same' } },
      ),
    },
    { default: { namespaces: { from: 'Same' } } },
  )
}

function listenerRules(): readonly ValidationRule[] {
  return [
    rule(
      "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
      "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
    ),
    rule(
      'tls mode must be Terminate for protocol HTTPS',
      "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
    ),
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
      'self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && ' +
        '(has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))',
    ),
  ]
}

function status(): StructuralSchema {
  const waiting = ['Accepted', 'Programmed']
  const listenerStatus = object(
    {
      attachedRoutes: integer({ format: 'int32' }),
      conditions: conditions(),
      name: sectionName,
      supportedKinds: atomicList(routeGroupKind, { maxItems: 8 }),
    },
    { required: ['attachedRoutes', 'conditions', 'name', 'supportedKinds'] },
  )
  return object(
    {
      addresses: atomicList(address(true), { maxItems: 16 }),
      conditions: conditions({ waiting }),
      listeners: keyedList('name', listenerStatus, { maxItems: 64 }),
    },
    { default: { conditions: waitingConditions(waiting) } },
  )
}
