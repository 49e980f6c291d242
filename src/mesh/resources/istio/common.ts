/** What the schemas of Istio's kinds share. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import type { KindDefinition } from '../definition.ts'
import { group, kind, objectName } from '../gateway/common.ts'
import { ISTIO_NETWORKING_GROUP } from '../kinds.ts'
import { boolean, integer, list, map, object, rule, string, word } from '../schema.ts'

export const duration = string({
  rules: [rule('must be a valid duration greater than 1ms', "duration(self) >= duration('1ms')")],
})
export const uint32 = integer({ minimum: 0, maximum: 4_294_967_295 })
export const int32 = integer({ format: 'int32' })
/** A number that must be a port, where upstream checks it. */
export const checkedPort: StructuralSchema = {
  ...uint32,
  'x-kubernetes-validations': [rule('port must be between 1-65535', '0 < self && self <= 65535')],
}
export const strings = list(string())
export const nullableBoolean = boolean({ nullable: true })

/** A port of a server or listener, as Gateway and Sidecar have it. */
export const portMembers = { name: string(), number: uint32, protocol: string(), targetPort: uint32 }

export const destination = object(
  { host: string(), port: object({ number: uint32 }), subset: string() },
  { required: ['host'] },
)

/** Labels that a workload must have; Sidecar, ServiceEntry and EnvoyFilter write them so. */
export const workloadLabels = object({
  labels: map(
    string({ maxLength: 63, rules: [rule('wildcard is not supported in selector', '!self.contains("*")')] }),
    { maxProperties: 256 },
  ),
})

/** The newer form of the same. */
export const workloadMatchLabels = object({
  matchLabels: map(
    string({
      maxLength: 63,
      rules: [rule('wildcard not allowed in label value match', '!self.contains("*")')],
    }),
    {
      maxProperties: 4096,
      rules: [
        rule('wildcard not allowed in label key match', 'self.all(key, !key.contains("*"))'),
        rule('key must not be empty', 'self.all(key, key.size() != 0)'),
      ],
    },
  ),
})

/** What a policy is attached to, in its own namespace. */
export const targetReference = object(
  {
    group,
    kind,
    name: objectName,
    namespace: string({
      rules: [rule('cross namespace referencing is not currently supported', 'self.size() == 0')],
    }),
  },
  { required: ['kind', 'name'] },
)
export const targetReferences = list(targetReference, { maxItems: 16 })

/** A policy is attached by one of the members that say to what. */
export function onlyOneTarget(selector: string, ...members: readonly string[]): ValidationRule {
  const counts = members.map((member) => `(has(self.${member}) ? 1 : 0)`)
  return rule(`only one of targetRefs or ${selector} can be set`, `${counts.join(' + ')} <= 1`)
}

const intOrString: StructuralSchema = {
  anyOf: [{ type: 'integer' }, { type: 'string' }],
  'x-kubernetes-int-or-string': true,
}

const status = object(
  {
    conditions: list(
      object({
        lastProbeTime: string({ format: 'date-time' }),
        lastTransitionTime: string({ format: 'date-time' }),
        message: string(),
        observedGeneration: intOrString,
        reason: string(),
        status: string(),
        type: string(),
      }),
    ),
    observedGeneration: intOrString,
    validationMessages: list(
      object({
        documentationUrl: string(),
        level: word('UNKNOWN', 'ERROR', 'WARNING', 'INFO'),
        type: object({ code: string(), name: string() }),
      }),
    ),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export function resource(spec: StructuralSchema, isSpecRequired = false): StructuralSchema {
  return object({ spec, status }, { required: isSpecRequired ? ['spec'] : [] })
}

export const ISTIO_LABELS = { app: 'istio-pilot', chart: 'istio', heritage: 'Tiller', release: 'istio' }

export const ISTIO_KIND = {
  group: ISTIO_NETWORKING_GROUP,
  categories: ['istio-io', 'networking-istio-io'],
  scope: 'Namespaced',
  hasStatus: true,
  columns: [],
  annotations: { 'helm.sh/resource-policy': 'keep' },
  labels: ISTIO_LABELS,
  versions: [{ name: 'v1', storage: true }, { name: 'v1alpha3' }, { name: 'v1beta1' }],
} as const satisfies Partial<KindDefinition>

/** TLS terms of a server that terminates. */
export function serverTls(): StructuralSchema {
  const versions = word('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3')
  const oneOf = (a: string, b: string): string => `(has(self.${a}) ? 1 : 0) + (has(self.${b}) ? 1 : 0) <= 1`
  return object(
    {
      caCertCredentialName: string(),
      caCertificates: string(),
      caCrl: string(),
      cipherSuites: strings,
      credentialName: string(),
      credentialNames: list(string(), { minItems: 1, maxItems: 2 }),
      httpsRedirect: boolean(),
      insecureSkipVerify: nullableBoolean,
      maxProtocolVersion: versions,
      minProtocolVersion: versions,
      mode: word('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
      privateKey: string(),
      serverCertificate: string(),
      subjectAltNames: strings,
      tlsCertificates: list(
        object({ caCertificates: string(), privateKey: string(), serverCertificate: string() }),
        { minItems: 1, maxItems: 2 },
      ),
      verifyCertificateHash: strings,
      verifyCertificateSpki: strings,
    },
    {
      rules: [
        rule(
          'only one of credentialNames or tlsCertificates can be set',
          oneOf('tlsCertificates', 'credentialNames'),
        ),
        rule(
          'only one of credentialName or credentialNames can be set',
          oneOf('credentialName', 'credentialNames'),
        ),
        // Upstream's rule names credentialName but looks at credentialNames; verdicts follow the rule.
        rule(
          'only one of credentialName or tlsCertificates can be set',
          oneOf('credentialNames', 'tlsCertificates'),
        ),
      ],
    },
  )
}

export function connectionPool(): StructuralSchema {
  return object({
    http: object({
      h2UpgradePolicy: word('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
      http1MaxPendingRequests: int32,
      http2KeepAlive: object({ interval: duration, timeout: duration }),
      http2MaxRequests: int32,
      idleTimeout: duration,
      maxConcurrentStreams: int32,
      maxRequestsPerConnection: int32,
      maxRetries: int32,
      useClientProtocol: boolean(),
    }),
    tcp: object({
      connectTimeout: duration,
      idleTimeout: string(),
      maxConnectionDuration: duration,
      maxConnections: int32,
      tcpKeepalive: object({ interval: duration, probes: uint32, time: duration }),
    }),
  })
}
