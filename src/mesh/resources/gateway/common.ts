/** What the Gateway API's schemas share: names, references, conditions. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { GATEWAY_GROUP } from '../kinds.ts'
import { type GatewayApiEdition, isExperimental } from './edition.ts'
import { atomicList, integer, keyedList, map, object, rule, string, word } from '../schema.ts'

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
export const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`
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

/** A reference to a certificate, by default a Secret of the same namespace. */
export const secretReference = object(
  { group: { ...group, default: '' }, kind: { ...kind, default: 'Secret' }, name: objectName, namespace },
  { required: ['name'] },
)

/** A reference to parameters of a controller, wherever they are. */
export const parametersReference = object(
  { group, kind, name: objectName, namespace },
  { required: ['group', 'kind', 'name'] },
)

export const durationText = string({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' })

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
  options: {
    readonly filled?: boolean
    readonly waiting?: readonly string[]
    readonly isUnbounded?: boolean
  } = {},
): StructuralSchema {
  const { filled, waiting, isUnbounded } = options
  return keyedList('type', condition, {
    ...(isUnbounded === true ? {} : { maxItems: 8 }),
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

const SAME_TARGET = 'p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name'
const SAME_NAMESPACE =
  `(((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || ` +
  `(has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__`
const SAME_PARENT = `${SAME_TARGET} && ${SAME_NAMESPACE} ))`
const BOTH_OR_NEITHER_SECTION = `(!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')`
const NO_SECTION = `((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == ''))`
const SAME_SECTION = `has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName`
const NO_PORT = '((!has(p1.port) || p1.port == 0) && (!has(p2.port) || p2.port == 0))'
const SAME_PORT = '(has(p1.port) && has(p2.port) && p1.port == p2.port)'

/** References to one object are told apart by their sections. @param what `parent` or `target` */
export function sectionRules(what: 'parent' | 'target'): readonly ValidationRule[] {
  const same = what === 'parent' ? SAME_PARENT : SAME_TARGET
  const when = `when ${what}Refs includes 2 or more references to the same ${what}`
  return [
    rule(
      `sectionName must be specified ${when}`,
      `self.all(p1, self.all(p2, ${same} ? (${BOTH_OR_NEITHER_SECTION}) : true))`,
    ),
    rule(
      `sectionName must be unique ${when}`,
      `self.all(p1, self.exists_one(p2, ${same} && (${NO_SECTION} || (${SAME_SECTION}))))`,
    ),
  ]
}

/** The experimental channel tells parents apart by port too; upstream's blanks are kept. */
function sectionOrPortRules(): readonly ValidationRule[] {
  const when = 'when parentRefs includes 2 or more references to the same parent'
  return [
    rule(
      `sectionName or port must be specified ${when}`,
      `self.all(p1, self.all(p2, ${SAME_TARGET} && ${SAME_NAMESPACE})) ? (${BOTH_OR_NEITHER_SECTION} && ` +
        '(!has(p1.port) || p1.port == 0) == (!has(p2.port) || p2.port == 0)): true))',
    ),
    rule(
      `sectionName or port must be unique ${when}`,
      `self.all(p1, self.exists_one(p2, ${SAME_PARENT} && (${NO_SECTION} || ( ${SAME_SECTION})) && ` +
        `(${NO_PORT} || ${SAME_PORT})))`,
    ),
  ]
}

/** Where a route attaches, as every kind of route says it. */
export function attachment(edition: GatewayApiEdition): Readonly<Record<string, StructuralSchema>> {
  const rules = isExperimental(edition) ? sectionOrPortRules() : sectionRules('parent')
  const parentRefs = atomicList(parentReference, { maxItems: 32, rules })
  return isExperimental(edition) ? { parentRefs, useDefaultGateways: word('All', 'None') } : { parentRefs }
}

/** The experimental channel wants the names of a route's rules to differ. */
export function ruleNameRules(edition: GatewayApiEdition): readonly ValidationRule[] {
  if (!isExperimental(edition)) return []
  return [
    rule(
      'Rule name must be unique within the route',
      'self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))',
    ),
  ]
}

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

/** The status of every kind of policy. */
export const policyStatus = object(
  {
    ancestors: atomicList(
      object(
        { ancestorRef: parentReference, conditions: conditions({ filled: true }), controllerName },
        { required: ['ancestorRef', 'conditions', 'controllerName'] },
      ),
      { maxItems: 16 },
    ),
  },
  { required: ['ancestors'] },
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
