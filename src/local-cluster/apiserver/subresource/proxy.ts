import { admitConnection } from '../admission/connect.ts'
import type { ServerContext } from '../context.ts'
import type { ApiResponse } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { notFound } from '../status-error.ts'
import { readNodePath } from './node-paths.ts'
import { askTarget } from './proxy-exchange.ts'
import { nodeTarget, parseTargetName, podTarget, serviceTarget } from './proxy-target.ts'

/** `pods/x/proxy`, `services/x/proxy`, `nodes/x/proxy`: what is asked below them goes on to the server there. */
export async function handleProxy(context: ServerContext, asked: ResourceRequest): Promise<ApiResponse> {
  const { resource, path, request } = asked
  const wanted = parseTargetName(path, resource.info.singular)
  switch (resource.info.plural) {
    case 'pods':
      await admitConnection(context, asked, 'PodProxyOptions')
      return askTarget(request, path, podTarget(context, path.namespace, wanted))
    case 'services':
      await admitConnection(context, asked, 'ServiceProxyOptions')
      return askTarget(request, path, serviceTarget(context, path.namespace, wanted))
    default: {
      await admitConnection(context, asked, 'NodeProxyOptions')
      const node = context.store.get({ collection: 'core/nodes', namespace: '', name: wanted.name })?.object
      if (!node) throw notFound(resource.info, wanted.name)
      // The node's own API is no server of its own here.
      if (wanted.port === '' || wanted.port === KUBELET_PORT)
        return readNodePath(context, request, path, node)
      return askTarget(request, path, nodeTarget(node, wanted))
    }
  }
}

const KUBELET_PORT = '10250'
