import type { KubeObject } from '../../kube/index.ts'
import { conditions } from './analyzers/conditions.ts'
import { deploymentServices } from './analyzers/deployments.ts'
import { destinationHosts } from './analyzers/destination-hosts.ts'
import { destinationRules } from './analyzers/destination-rules.ts'
import { destinationTls } from './analyzers/destination-tls.ts'
import { entryAddresses, entryProtocols } from './analyzers/service-entries.ts'
import { notServed } from './analyzers/not-served.ts'
import { sidecars } from './analyzers/sidecars.ts'
import { destinationSubsets } from './analyzers/destination-subsets.ts'
import { envoyFilters } from './analyzers/envoy-filters.ts'
import { conflictingGateways, gatewayPorts } from './analyzers/gateways.ts'
import { claimRouting } from './analyzers/claim-routing.ts'
import { gatewayCertificates } from './analyzers/gateway-certificates.ts'
import { injection } from './analyzers/injection.ts'
import { meshHosts } from './analyzers/mesh-hosts.ts'
import { portNames } from './analyzers/port-names.ts'
import { routeReferences } from './analyzers/route-references.ts'
import { schema } from './analyzers/schema.ts'
import { authorization } from './analyzers/authorization.ts'
import { security } from './analyzers/security.ts'
import { unreachableRules } from './analyzers/unreachable-rules.ts'
import { virtualServiceGateways } from './analyzers/virtual-service-gateways.ts'
import { type Analyzer, createContext, fullName, messageNamespace } from './context.ts'
import { LEVELS, type Message } from './messages.ts'
import { labelsAt } from './read.ts'

export const ANALYZERS: readonly Analyzer[] = [
  claimRouting,
  conditions,
  conflictingGateways,
  deploymentServices,
  destinationHosts,
  destinationRules,
  destinationSubsets,
  destinationTls,
  entryAddresses,
  entryProtocols,
  envoyFilters,
  gatewayCertificates,
  gatewayPorts,
  injection,
  meshHosts,
  notServed,
  portNames,
  routeReferences,
  schema,
  security,
  authorization,
  sidecars,
  unreachableRules,
  virtualServiceGateways,
]

export interface AnalyzeOptions {
  /** Only messages about objects of this namespace, and about cluster-scoped ones; absent: all. */
  readonly namespace?: string
  /** Messages not to report: a code, and the object as `Kind namespace/name`, in which `*` stands for anything. */
  readonly suppressions?: readonly { readonly code: string; readonly resource: string }[]
}

/**
 * Looks for mistakes in a set of objects: a cluster's, those of files, or both together.
 * @param objects all that the analyzed ones may refer to, in every namespace
 * @returns the messages without duplicates, the worst first, then by code and object
 */
export function analyze(objects: readonly KubeObject[], options: AnalyzeOptions = {}): readonly Message[] {
  const context = createContext(objects)
  const messages = ANALYZERS.flatMap((analyzer) => analyzer.analyze(context))
    .filter((message) => isWanted(message, options))
    .sort(compareMessages)
  return messages.filter(
    (message, i) => i === 0 || compareMessages(messages[i - 1] as Message, message) !== 0,
  )
}

/** `Kind namespace/name`, as messages name an object. */
export function friendlyName(object: KubeObject): string {
  return `${object.kind} ${fullName(object)}`
}

const SUPPRESS_ANNOTATION = 'galley.istio.io/analyze-suppress'

function isWanted(message: Message, options: AnalyzeOptions): boolean {
  const { object, code } = message
  const namespace = messageNamespace(object)
  if (options.namespace !== undefined && namespace !== '' && namespace !== options.namespace) return false
  const suppressed = labelsAt(object, 'metadata', 'annotations')[SUPPRESS_ANNOTATION]?.split(',') ?? []
  if (suppressed.includes('*') || suppressed.includes(code)) return false
  return !(options.suppressions ?? []).some(
    (one) => one.code === code && globMatches(one.resource, friendlyName(object)),
  )
}

function globMatches(glob: string, text: string): boolean {
  const parts = glob.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}

function compareMessages(a: Message, b: Message): number {
  return (
    LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) ||
    compareTexts(a.code, b.code) ||
    compareTexts(comparator(a.object), comparator(b.object)) ||
    compareTexts(a.text, b.text)
  )
}

function comparator(object: KubeObject): string {
  return `${object.kind}/${object.metadata.name}/${object.metadata.namespace ?? ''}`
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
