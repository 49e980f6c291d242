import type { Clock, Graph, Logger, Random, Source } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { createInformer, type KubeClient } from '../../kube/client/index.ts'
import { SOURCE_KINDS, type Sources } from '../translate/index.ts'

export interface WatchedSources {
  /** All kinds have been listed once. */
  readonly synced: Promise<void>
  readonly stop: () => void
}

/** Fills the translation's sources from the API server: one informer for each kind, one wave for what arrives together. */
export function watchSources(options: {
  readonly graph: Graph
  readonly sources: Sources
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): WatchedSources {
  const { graph, sources, client, clock, random, logger } = options
  const informers = SOURCE_KINDS.map(({ source, kind, otherVersions, narrow, fieldSelector }) => {
    const target = sources[source] as Source<KubeObject>
    return createInformer<KubeObject>({
      client,
      kind,
      ...(otherVersions === undefined ? {} : { otherVersions }),
      ...(narrow === undefined ? {} : { narrow }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      clock,
      random,
      logger,
      onChange: (changes) =>
        graph.transact(() => {
          for (const { key, after } of changes) {
            if (after) target.set(key, after)
            else target.delete(key)
          }
        }),
    })
  })
  return {
    synced: Promise.all(informers.map((informer) => informer.synced)).then(() => undefined),
    stop: () => {
      for (const informer of informers) informer.stop()
    },
  }
}

/** The object as the sources have it. */
export function observedObject(
  sources: Sources,
  target: {
    readonly kind: { readonly group: string; readonly kind: string }
    readonly namespace?: string
    readonly name: string
  },
): KubeObject | undefined {
  const entry = SOURCE_KINDS.find(
    ({ kind }) => kind.group === target.kind.group && kind.kind === target.kind.kind,
  )
  if (!entry) return undefined
  const key = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`
  return (sources[entry.source] as Source<KubeObject>).get(key)
}
