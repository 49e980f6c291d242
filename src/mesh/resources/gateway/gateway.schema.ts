import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, integer, keyedList, map, object, rule, string, word } from '../schema.ts'
import {
  ADDRESS_TYPE_PATTERN,
  conditions,
  HOSTNAME_PATTERN,
  localReference,
  objectName,
  parametersReference,
  portNumber,
  resource,
  secretReference,
  waitingConditions,
} from './common.ts'
import { type GatewayApiEdition, gatewayKind, isExperimental, isNewer, STABLE_AND_BETA } from './edition.ts'
import { listeners, listenerStatuses, namespaceChoice } from './listener.schema.ts'

export const gateway = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
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
          ...(isNewer(edition) ? { allowedListeners: allowedListeners(), tls: gatewayTls() } : {}),
          ...(isExperimental(edition) ? { defaultScope: word('All', 'None') } : {}),
          gatewayClassName: objectName,
          infrastructure: infrastructure(edition),
          listeners: listeners(edition),
        },
        { required: ['gatewayClassName', 'listeners'] },
      ),
      status(edition),
    ),
})

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

function infrastructure(edition: GatewayApiEdition): StructuralSchema {
  return object({
    annotations: map(string({ minLength: 0, maxLength: 4096 }), {
      maxProperties: isNewer(edition) ? 16 : 8,
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

/** Whose ListenerSets may add listeners. */
function allowedListeners(): StructuralSchema {
  return object({ namespaces: namespaceChoice('None', ['All', 'Selector', 'Same', 'None']) })
}

/** The Gateway's own side of TLS: whom it trusts as a client, and who it is to backends. */
function gatewayTls(): StructuralSchema {
  const validation = object(
    {
      caCertificateRefs: atomicList(parametersReference, { minItems: 1, maxItems: 16 }),
      mode: { ...word('AllowValidOnly', 'AllowInsecureFallback'), default: 'AllowValidOnly' },
    },
    { required: ['caCertificateRefs'] },
  )
  const perPort = keyedList(
    'port',
    object({ port: portNumber, tls: object({ validation }) }, { required: ['port', 'tls'] }),
    {
      maxItems: 64,
      rules: [
        rule(
          'Port for TLS configuration must be unique within the Gateway',
          'self.all(t1, self.exists_one(t2, t1.port == t2.port))',
        ),
      ],
    },
  )
  return object({
    backend: object({ clientCertificateRef: secretReference }),
    frontend: object({ default: object({ validation }), perPort }, { required: ['default'] }),
  })
}

function status(edition: GatewayApiEdition): StructuralSchema {
  const waiting = ['Accepted', 'Programmed']
  return object(
    {
      addresses: atomicList(address(true), { maxItems: 16 }),
      ...(isNewer(edition) ? { attachedListenerSets: integer({ format: 'int32' }) } : {}),
      conditions: conditions({ waiting }),
      listeners: listenerStatuses(edition),
    },
    { default: { conditions: waitingConditions(waiting) } },
  )
}
