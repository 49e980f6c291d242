import type { KindDefinition } from '../definition.ts'
import { list, map, object, string } from '../schema.ts'
import { ISTIO_KIND, portMembers, resource, serverTls, strings } from './common.ts'

export const ISTIO_GATEWAY: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gw'],
  schema: () =>
    resource(
      object({
        selector: map(string()),
        servers: list(
          object(
            {
              bind: string(),
              defaultEndpoint: string(),
              hosts: strings,
              name: string(),
              port: object(portMembers, { required: ['number', 'protocol', 'name'] }),
              tls: serverTls(),
            },
            { required: ['port', 'hosts'] },
          ),
        ),
      }),
    ),
}
