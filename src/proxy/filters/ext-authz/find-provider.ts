import type { ServiceName } from '../../../model/index.ts'
import type { ModelStore } from '../../config/model-store.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { AskedService } from './service.ts'

export function findProvider(
  name: string,
  store: Pick<ModelStore, 'mesh' | 'serviceNamed'>,
  cluster: (key: { service: ServiceName; port: number; subset: string | undefined }) => Cluster,
): AskedService | undefined {
  const authorizer = store.mesh()?.authorizers?.find((one) => one.name === name)
  if (authorizer === undefined) return undefined
  const { host, port, namespace = '' } = authorizer
  const service = store.serviceNamed(host, namespace)
  if (service?.ports.some((one) => one.port === port) !== true) return { authorizer, target: undefined }
  return { authorizer, target: cluster({ service: service.key, port, subset: undefined }) }
}
