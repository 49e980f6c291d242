import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readObject } from '../decode.ts'
import { at, stringAt, withAt } from '../json.ts'
import { isDryRun } from '../output.ts'
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
  if (asked.verb !== 'create') throw methodNotAllowed(asked.resource.info)
  return bind(context, asked, await readObject(asked.request), warn)
}

/** The same by the name that the Binding itself carries (`POST bindings`). */
export async function handleBinding(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { path, verb } = asked
  const resource = context.resources.find({ group: '', version: 'v1', plural: 'pods' })
  const body = await readObject(asked.request)
  const name = stringAt(body, 'metadata', 'name') ?? ''
  if (verb !== 'create' || !resource) throw methodNotAllowed(asked.resource.info)
  if (name === '') throw badRequest('name is required')
  const onPod = { ...asked, resource, path: { ...path, plural: 'pods', name, subresource: 'binding' } }
  return bind(context, onPod, body, warn)
}

async function bind(
  context: ServerContext,
  asked: ResourceRequest,
  body: unknown,
  warn: Warn,
): Promise<ApiResponse> {
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
    change: (current) => assigned(asked, current, nodeName),
    retries: true,
    fieldValidation: 'Ignore',
    dryRun: isDryRun(asked.request.query),
    subresource: 'binding',
    warn,
  })
  return {
    kind: 'object',
    status: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  }
}

function assigned({ resource, path }: ResourceRequest, pod: KubeObject, nodeName: string): KubeObject {
  const present = stringAt(pod.spec, 'nodeName') ?? ''
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(
      resource.info,
      path.name,
      `pod ${path.name} is being deleted, cannot be assigned to a host`,
    )
  }
  if (present !== '') {
    throw conflict(
      resource.info,
      path.name,
      `pod ${path.name} is already assigned to node ${JSON.stringify(present)}`,
    )
  }
  if (
    Array.isArray(at(pod.spec, 'schedulingGates')) &&
    (at(pod.spec, 'schedulingGates') as unknown[]).length > 0
  ) {
    throw conflict(resource.info, path.name, `pod ${path.name} has non-empty .spec.schedulingGates`)
  }
  return withAt(pod, ['spec', 'nodeName'], nodeName)
}
