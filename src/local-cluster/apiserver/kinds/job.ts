import type { KubeObject } from '../../../kube/index.ts'
import { at, isObject, textsAt, withAt, withMeta } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

/**
 * A Job selects its pods by its own uid, and their template says so: that is how `kubectl logs job/x` and
 * `kubectl describe job` find them. With `manualSelector` both are the user's affair.
 * @see Kubernetes Jobs, "Specifying your own Pod selector"
 */
export const JOB_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object) => (at(object.spec, 'manualSelector') === true ? object : selectingItsPods(object)),
}

function selectingItsPods(job: KubeObject): KubeObject {
  if (!isObject(job.spec)) return job
  const { name, uid = '' } = job.metadata
  const own = { 'batch.kubernetes.io/controller-uid': uid }
  const labels = {
    ...own,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
    // What the user says of these is kept, and refused by validation where it is not so.
    ...textsAt(job.spec, 'template', 'metadata', 'labels'),
  }
  const labelled = withAt(job, ['spec', 'template', 'metadata', 'labels'], labels)
  const selector = at(job.spec, 'selector')
  const given = textsAt(job.spec, 'selector', 'matchLabels')
  const whole = { ...(isObject(selector) ? selector : {}), matchLabels: { ...given, ...own } }
  const selecting = withAt(labelled, ['spec', 'selector'], whole)
  // A Job without labels takes those of its pods.
  const hasLabels = Object.keys(job.metadata.labels ?? {}).length > 0
  return hasLabels ? selecting : withMeta(selecting, { labels })
}
