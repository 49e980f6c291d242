import type { KubeObject } from '../../../kube/index.ts'
import { at, sameJson, stringAt, withMeta } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

/** Counts the changes of the template; an old client of DaemonSets still reads it. */
const GENERATION = 'deprecated.daemonset.template.generation'

export const DAEMON_SET_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object) => withGeneration(object, 1),
  prepareUpdate: (object, current) => {
    const before = Number(stringAt(current.metadata, 'annotations', GENERATION) ?? '1')
    const isChanged = !sameJson(at(object.spec, 'template'), at(current.spec, 'template'))
    return withGeneration(object, isChanged ? before + 1 : before)
  },
}

function withGeneration(object: KubeObject, generation: number): KubeObject {
  return withMeta(object, {
    annotations: { ...object.metadata.annotations, [GENERATION]: String(generation) },
  })
}
