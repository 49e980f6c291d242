import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atMostOneOf, boolean, integer, list, map, number, object, string, word } from '../schema.ts'
import {
  connectionPool,
  duration,
  int32,
  ISTIO_KIND,
  nullableBoolean,
  resource,
  strings,
  uint32,
  workloadMatchLabels,
} from './common.ts'

export const DESTINATION_RULE: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'DestinationRule',
  plural: 'destinationrules',
  shortNames: ['dr'],
  columns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host' }, AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          exportTo: strings,
          host: string(),
          subsets: list(
            object(
              { labels: map(string()), name: string(), trafficPolicy: trafficPolicy() },
              { required: ['name'] },
            ),
          ),
          trafficPolicy: trafficPolicy(),
          workloadSelector: workloadMatchLabels,
        },
        { required: ['host'] },
      ),
    ),
}

function trafficPolicy(): StructuralSchema {
  const perPort = {
    connectionPool: connectionPool(),
    loadBalancer: loadBalancer(),
    outlierDetection: outlierDetection(),
    tls: clientTls(),
  }
  return object({
    ...perPort,
    portLevelSettings: list(object({ ...perPort, port: object({ number: uint32 }) }), { maxItems: 4096 }),
    proxyProtocol: object({ version: word('V1', 'V2') }),
    retryBudget: object({
      budgetInterval: string(),
      minRetryConcurrency: uint32,
      percent: number({ format: 'double', minimum: 0, maximum: 100, nullable: true }),
    }),
    tunnel: object(
      { protocol: string(), targetHost: string(), targetPort: uint32 },
      { required: ['targetHost', 'targetPort'] },
    ),
  })
}

function loadBalancer(): StructuralSchema {
  const failover = {
    enabled: nullableBoolean,
    failover: list(object({ from: string(), to: string() })),
    failoverPriority: strings,
  }
  return object(
    {
      consistentHash: consistentHash(),
      localityLbSetting: object({
        ...failover,
        distribute: list(object({ from: string(), to: map(uint32) })),
      }),
      simple: word('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
      warmup: object(
        {
          aggression: number({ format: 'double', minimum: 0, nullable: true }),
          duration,
          minimumPercent: number({ format: 'double', minimum: 0, maximum: 100, nullable: true }),
        },
        { required: ['duration'] },
      ),
      warmupDurationSecs: duration,
      zoneAwareLbSetting: object({ ...failover, minClusterSize: integer({ minimum: 1, nullable: true }) }),
    },
    atMostOneOf('simple', 'consistentHash'),
  )
}

function consistentHash(): StructuralSchema {
  const size = integer({ minimum: 0 })
  return object(
    {
      httpCookie: object(
        {
          attributes: list(object({ name: string(), value: string() }, { required: ['name'] })),
          name: string(),
          path: string(),
          ttl: string(),
        },
        { required: ['name'] },
      ),
      httpHeaderName: string(),
      httpQueryParameterName: string(),
      maglev: object({ tableSize: size }),
      minimumRingSize: size,
      ringHash: object({ minimumRingSize: size }),
      useSourceIp: boolean(),
    },
    {
      allOf: [
        atMostOneOf('httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'),
        atMostOneOf('ringHash', 'maglev'),
      ],
    },
  )
}

function outlierDetection(): StructuralSchema {
  const count: StructuralSchema = { ...uint32, nullable: true }
  return object({
    baseEjectionTime: duration,
    consecutive5xxErrors: count,
    consecutiveErrors: int32,
    consecutiveGatewayErrors: count,
    consecutiveLocalOriginFailures: count,
    interval: duration,
    maxEjectionPercent: int32,
    minHealthPercent: int32,
    outlierDetectionHttpErrorCodes: list(integer({ minimum: 100, maximum: 599 })),
    splitExternalLocalOriginErrors: boolean(),
  })
}

function clientTls(): StructuralSchema {
  return object({
    caCertificates: string(),
    caCrl: string(),
    clientCertificate: string(),
    credentialName: string(),
    insecureSkipVerify: nullableBoolean,
    mode: word('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
    privateKey: string(),
    sni: string(),
    subjectAltNames: strings,
  })
}
