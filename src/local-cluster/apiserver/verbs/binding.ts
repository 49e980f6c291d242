import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readKind } from '../decode.ts'
import { at, formatTime, isObject, listAt, stringAt, withAt } from '../json.ts'
import { readWriteOptions } from '../options.ts'
import type { ApiResponse } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { badRequest, conflict, invalid, methodNotAllowed } from '../status-error.ts'
import type { Warn } from '../write/incoming.ts'
import { updateObject } from '../write/update.ts'

/** `POST pods/x/binding`: a scheduler says which node a pod goes to. */
export async function handlePodBinding(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  if (asked.verb !== 'create') throw methodNotAllowed()
  return bind(context, asked, (await readKind(asked.request, BINDING)).value, warn)
}

/** The same by the name that the Binding itself carries (`POST bindings`). */
export async function handleBinding(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { path, verb } = asked
  const resource = context.resources.find({ group: '', version: 'v1', plural: 'pods' })
  const body = (await readKind(asked.request, BINDING)).value
  const name = stringAt(body, 'metadata', 'name') ?? ''
  if (verb !== 'create' || !resource) throw methodNotAllowed()
  if (name === '') throw badRequest('name is required')
  const onPod = { ...asked, resource, path: { ...path, plural: 'pods', name, subresource: 'binding' } }
  return bind(context, onPod, body, warn)
}

const BINDING = { group: '', version: 'v1', kind: 'Binding' }

async function bind(
  context: ServerContext,
  asked: ResourceRequest,
  body: unknown,
  warn: Warn,
): Promise<ApiResponse> {
  const named = stringAt(body, 'metadata', 'name') ?? ''
  if (named !== asked.path.name) throw badRequest('name in URL does not match name in Binding object')
  const kind = stringAt(body, 'target', 'kind') ?? ''
  const nodeName = stringAt(body, 'target', 'name') ?? ''
  if (nodeName === '' || (kind !== '' && kind !== 'Node')) {
    const problem =
      nodeName === ''
        ? ({ type: 'Required value', path: 'target.name', detail: '' } as const)
        : ({
            type: 'Unsupported value',
            path: 'target.kind',
            value: kind,
            detail: 'supported values: "Node"',
          } as const)
    throw invalid({ group: '', kind: 'Binding' }, asked.path.name, [problem])
  }
  await updateObject(context, asked, {
    ...readWriteOptions(asked.request.query, 'CreateOptions'),
    change: (current) => ({
      object: assigned(asked, current, { nodeName, body, nowMs: context.clock.now() }),
    }),
    retries: true,
    fieldValidation: 'Ignore',
    subresource: 'binding',
    warn,
  })
  return {
    kind: 'object',
    status: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  }
}

interface Assignment {
  readonly nodeName: string
  readonly body: unknown
  readonly nowMs: number
}

/** The pod on its node, as its scheduler left it: with the labels and annotations of the binding, and scheduled. */
function assigned(
  { path }: ResourceRequest,
  pod: KubeObject,
  { nodeName, body, nowMs }: Assignment,
): KubeObject {
  const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, path.name, why)
  const present = stringAt(pod.spec, 'nodeName') ?? ''
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${path.name} is being deleted, cannot be assigned to a host`)
  if (present !== '') throw refuse(`pod ${path.name} is already assigned to node ${JSON.stringify(present)}`)
  if (listAt(pod.spec, 'schedulingGates').length > 0)
    throw refuse(`pod ${path.name} has non-empty .spec.schedulingGates`)
  const named = withAt(pod, ['spec', 'nodeName'], nodeName)
  const marked = ['labels', 'annotations'].reduce((object, member) => {
    const added = at(body, 'metadata', member)
    const own = at(object, 'metadata', member)
    return isObject(added) && Object.keys(added).length > 0
      ? withAt(object, ['metadata', member], { ...(isObject(own) ? own : {}), ...added })
      : object
  }, named)
  const others = listAt(pod.status, 'conditions').filter((one) => stringAt(one, 'type') !== 'PodScheduled')
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: formatTime(nowMs),
  }
  return withAt(marked, ['status', 'conditions'], [...others, scheduled])
}
