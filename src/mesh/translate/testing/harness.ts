/** For tests of this folder: YAML in, everything that the translation makes of it out. */
import { parseAllDocuments } from 'yaml'
import { createGraph, type Collection } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import type { Credential } from '../../../model/index.ts'
import { DEFAULT_SETTINGS, type MeshSettings } from '../settings.ts'
import { createSources, setObject, type Sources } from '../sources.ts'
import { createTranslation, type Translation } from '../translation.ts'

export interface Harness {
  readonly sources: Sources
  readonly translation: Translation
  readonly set: (objects: readonly KubeObject[]) => void
}

export function createHarness(settings: Partial<MeshSettings> = {}): Harness {
  const graph = createGraph()
  const sources = createSources(graph)
  const translation = createTranslation(graph, sources, { ...DEFAULT_SETTINGS, ...settings })
  return {
    sources,
    translation,
    set: (objects) =>
      graph.transact(() => {
        for (const object of objects) {
          if (!setObject(sources, object)) throw new Error(`no source for ${object.kind}`)
        }
      }),
  }
}

export function parseObjects(text: string): readonly KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    const value = document.toJS() as KubeObject | null
    return value === null ? [] : [value]
  })
}

export const SECTIONS = [
  'mesh',
  'credentials',
  'listeners',
  'routes',
  'connectionRoutes',
  'rateLimits',
  'httpBounds',
  'services',
  'workloads',
  'telemetry',
  'requestAuthentications',
  'authorizationPolicies',
  'peerAuthentications',
  'sidecars',
  'statuses',
  'deployments',
  'problems',
] as const
export type Section = (typeof SECTIONS)[number]

/** Key material is left out: a golden says who holds what, not what it is. */
function shown(object: unknown): unknown {
  const { certificate, trust } = object as Partial<Credential>
  if ((object as { readonly type?: string }).type !== 'credential') return object
  return { ...(object as Credential), certificate: certificate && 'given', trust: trust && 'given' }
}

/** All results by section; empty sections are left out. */
export function snapshot(
  translation: Translation,
  sections: readonly Section[],
): Readonly<Record<string, readonly unknown[]>> {
  const collections: Readonly<Record<Section, Collection<unknown>>> = {
    ...translation.model,
    statuses: translation.statuses,
    deployments: translation.gatewayDeployments,
    problems: translation.problems,
  }
  const entries = sections.map((section) => [section, collections[section].list().map(shown)] as const)
  return Object.fromEntries(entries.filter(([, list]) => list.length > 0))
}
