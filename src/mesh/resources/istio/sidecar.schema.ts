/** Sidecar and ProxyConfig: how proxies of workloads are set up. */
import type { KindDefinition } from '../definition.ts'
import { integer, list, map, object, string, word } from '../schema.ts'
import {
  connectionPool,
  destination,
  ISTIO_KIND,
  portMembers,
  resource,
  serverTls,
  strings,
  workloadLabels,
  workloadMatchLabels,
} from './common.ts'

const captureMode = word('DEFAULT', 'IPTABLES', 'NONE')

export const SIDECAR: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'Sidecar',
  plural: 'sidecars',
  schema: () =>
    resource(
      object({
        egress: list(
          object(
            { bind: string(), captureMode, hosts: strings, port: object(portMembers) },
            { required: ['hosts'] },
          ),
        ),
        inboundConnectionPool: connectionPool(),
        ingress: list(
          object(
            {
              bind: string(),
              captureMode,
              connectionPool: connectionPool(),
              defaultEndpoint: string(),
              port: object(portMembers),
              tls: serverTls(),
            },
            { required: ['port'] },
          ),
        ),
        outboundTrafficPolicy: object({
          egressProxy: destination,
          mode: word('REGISTRY_ONLY', 'ALLOW_ANY'),
        }),
        workloadSelector: workloadLabels,
      }),
    ),
}

export const PROXY_CONFIG: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  versions: [{ name: 'v1beta1', storage: true }],
  schema: () =>
    resource(
      object({
        concurrency: integer({ format: 'int32', minimum: 0, nullable: true }),
        environmentVariables: map(string({ maxLength: 2048 })),
        image: object({ imageType: string() }),
        selector: workloadMatchLabels,
      }),
    ),
}
