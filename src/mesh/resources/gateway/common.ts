/** What the Gateway API's schemas share: names, references, conditions. */
import type { StructuralSchema } from '../../../kube/index.ts'
import type { KindDefinition } from '../definition.ts'
import { GATEWAY_GROUP } from '../kinds.ts'
import { atomicList, integer, keyedList, map, object, rule, string, word } from '../schema.ts'

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`
/** A domain name with a path after it; used by names of controllers and of address types. */
const DOMAIN_PREFIXED = String.raw`${SUBDOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+`
export const HOSTNAME_PATTERN = String.raw`^(\*\.)?${SUBDOMAIN}$`

export const group = string({ maxLength: 253, pattern: `^$|^${SUBDOMAIN}$` })
export const kind = string({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' })
export const objectName = string({ minLength: 1, maxLength: 253 })
export const namespace = string({ minLength: 1, maxLength: 63, pattern: `^${LABEL}$` })
export const sectionName = string({ minLength: 1, maxLength: 253, pattern: `^${SUBDOMAIN}$` })
export const hostname = string({ minLength: 1, maxLength: 253, pattern: HOSTNAME_PATTERN })
export const preciseHostname = string({ minLength: 1, maxLength: 253, pattern: `^${SUBDOMAIN}$` })
export const portNumber = integer({ format: 'int32', minimum: 1, maximum: 65_535 })
export const controllerName = string({ minLength: 1, maxLength: 253, pattern: `^${DOMAIN_PREFIXED}$` })
/** Upstream's pattern, whose anchors hold for the first and last alternative only. */
export const ADDRESS_TYPE_PATTERN = `^Hostname|IPAddress|NamedAddress|${DOMAIN_PREFIXED}$`
export const PROTOCOL_PATTERN = String.raw`^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|${SUBDOMAIN}\/[A-Za-z0-9]+$`
export const annotationValues = map(string({ minLength: 0, maxLength: 4096 }), { maxProperties: 16 })

export const gatewayGroup: StructuralSchema = { ...group, default: GATEWAY_GROUP }

/** A reference to an object of the same namespace, whose kind must be said. */
export const localReference = object(
  { group, kind, name: objectName },
  { required: ['group', 'kind', 'name'] },
)

const condition = object(
  {
    lastTransitionTime: string({ format: 'date-time' }),
    message: string({ maxLength: 32_768 }),
    observedGeneration: integer({ format: 'int64', minimum: 0 }),
    reason: string({ minLength: 1, maxLength: 1024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }),
    status: word('True', 'False', 'Unknown'),
    type: string({
      maxLength: 316,
      pattern: String.raw`^(${SUBDOMAIN}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
    }),
  },
  { required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'] },
)

export function conditions(
  options: { readonly filled?: boolean; readonly waiting?: readonly string[] } = {},
): StructuralSchema {
  const { filled, waiting } = options
  return keyedList('type', condition, {
    maxItems: 8,
    ...(filled === true ? { minItems: 1 } : {}),
    ...(waiting === undefined ? {} : { default: waitingConditions(waiting) }),
  })
}

/** What an object's conditions are until a controller speaks. */
export function waitingConditions(types: readonly string[]): readonly unknown[] {
  return types.map((type) => ({
    lastTransitionTime: '1970-01-01T00:00:00Z',
    message: 'Waiting for controller',
    reason: 'Pending',
    status: 'Unknown',
    type,
  }))
}

export const parentReference = object(
  {
    group: gatewayGroup,
    kind: { ...kind, default: 'Gateway' },
    name: objectName,
    namespace,
    port: portNumber,
    sectionName,
  },
  { required: ['name'] },
)

const BOTH_WITHOUT_SECTION = `((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == ''))`
const SAME_SECTION = `(has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName)`
const SAME_OBJECT = 'p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name'
const SAME_NAMESPACE =
  `(((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || ` +
  `(has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ ))`

/** References to one object are told apart by their sections. @param what `parent` or `target` */
export function sectionRules(what: 'parent' | 'target') {
  const same = what === 'parent' ? `${SAME_OBJECT} && ${SAME_NAMESPACE}` : SAME_OBJECT
  const when = `when ${what}Refs includes 2 or more references to the same ${what}`
  return [
    rule(
      `sectionName must be specified ${when}`,
      `self.all(p1, self.all(p2, ${same} ? ((!has(p1.sectionName) || p1.sectionName == '') == ` +
        `(!has(p2.sectionName) || p2.sectionName == '')) : true))`,
    ),
    rule(
      `sectionName must be unique ${when}`,
      `self.all(p1, self.exists_one(p2, ${same} && (${BOTH_WITHOUT_SECTION} || ${SAME_SECTION})))`,
    ),
  ]
}

export const parentReferences = atomicList(parentReference, { maxItems: 32, rules: sectionRules('parent') })

/** The status of every kind of route. */
export const routeStatus = object(
  {
    parents: atomicList(
      object(
        { conditions: conditions({ filled: true }), controllerName, parentRef: parentReference },
        { required: ['conditions', 'controllerName', 'parentRef'] },
      ),
      { maxItems: 32 },
    ),
  },
  { required: ['parents'] },
)

/** The whole object: what every kind has around its spec and status. */
export function resource(
  spec: StructuralSchema,
  status?: StructuralSchema,
  isSpecRequired = true,
): StructuralSchema {
  return {
    type: 'object',
    properties: {
      apiVersion: string(),
      kind: string(),
      metadata: { type: 'object' },
      spec,
      ...(status === undefined ? {} : { status }),
    },
    ...(isSpecRequired ? { required: ['spec'] } : {}),
  }
}

/** What all kinds of the bundle have in common. */
export const GATEWAY_KIND = {
  group: GATEWAY_GROUP,
  categories: ['gateway-api'],
  scope: 'Namespaced',
  hasStatus: true,
  annotations: {
    'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/3328',
    'gateway.networking.k8s.io/bundle-version': 'v1.4.0',
    'gateway.networking.k8s.io/channel': 'standard',
  },
} as const satisfies Partial<KindDefinition>

export const STABLE_AND_BETA = [{ name: 'v1', storage: true }, { name: 'v1beta1' }] as const
