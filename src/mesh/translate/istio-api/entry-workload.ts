import { isIp } from '../../../kube/index.ts'
import {
  type Mesh,
  type Origin,
  type ServiceName,
  spiffeId,
  type Workload,
  workloadUid,
} from '../../../model/index.ts'
import { ISTIO_NETWORKING_GROUP, type IstioWorkload } from '../../resources/index.ts'
import type { MeshSettings } from '../settings.ts'
import { canonicalOf, localityOf, TLS_MODE_LABEL } from '../workload.ts'

const ACCOUNT_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

/**
 * A workload that is no pod: a WorkloadEntry, or an endpoint of a ServiceEntry.
 * @param name unique among the objects of the origin's kind and namespace
 * @returns none when nothing can be dialled: no address, or a socket of the machine
 */
export function translateIstioWorkload(
  spec: IstioWorkload,
  from: {
    readonly origin: Origin
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
  },
  context: {
    readonly services: Readonly<Record<ServiceName, Workload['services'][ServiceName]>>
    readonly mesh: Mesh
    readonly settings: MeshSettings
  },
): readonly Workload[] {
  const { address } = spec
  if (address === undefined || address === '' || address.startsWith('unix://')) return []
  const { origin, name } = from
  const { namespace } = origin
  const labels = { ...from.labels, ...spec.labels }
  // What cannot be the name of an account is nobody's: a path in it could read as another identity.
  const serviceAccount = ACCOUNT_NAME.test(spec.serviceAccount ?? '')
    ? (spec.serviceAccount ?? 'default')
    : 'default'
  const locality = localityOf(spec.locality, '/')
  return [
    {
      type: 'workload',
      key: workloadUid({
        cluster: context.settings.clusterId,
        group: ISTIO_NETWORKING_GROUP,
        kind: origin.kind,
        namespace,
        name,
      }),
      name,
      namespace,
      ...(isIp(address) ? { addresses: [address] } : { addresses: [], hostname: address.toLowerCase() }),
      labels,
      identity: spiffeId(context.mesh.trustDomain, namespace, serviceAccount),
      serviceAccount,
      owner: { kind: origin.kind, name: origin.name },
      ...canonicalOf(labels, origin.name),
      cluster: context.settings.clusterId,
      ...(locality === undefined ? {} : { locality }),
      weight: spec.weight === undefined || spec.weight === 0 ? 1 : spec.weight,
      tlsMode: labels[TLS_MODE_LABEL] === 'istio' ? 'istio' : 'disabled',
      services: context.services,
      origin,
    },
  ]
}
