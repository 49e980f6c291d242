import type { ConfigMap, KubeObject, Secret } from '../../kube/index.ts'
import { PARAMETER_MEMBERS } from './gateway-api/gateway-parameters.ts'

/** Kubernetes' own members of a TLS Secret, and Istio's older ones. */
const SECRET_MEMBERS = ['tls.crt', 'tls.key', 'ca.crt', 'ca.crl', 'cert', 'key', 'cacert'] as const
/** Where a ConfigMap carries certificates of authorities (Gateway API, BackendTLSPolicy). */
const TRUST_MEMBER = 'ca.crt'

/**
 * Of Secrets only what TLS needs is kept in memory, and nothing at all of those without it: passwords and tokens of
 * applications are none of the mesh's business. `stringData`, which only files still have, is folded in.
 */
export function narrowSecret(object: KubeObject): KubeObject | undefined {
  const { data = {}, stringData = {}, type = 'Opaque', apiVersion, kind } = object as Secret
  const kept: Record<string, string> = {}
  for (const member of SECRET_MEMBERS) {
    const text = stringData[member]
    const value = text === undefined ? data[member] : Buffer.from(text).toString('base64')
    if (value !== undefined) kept[member] = value
  }
  if (type !== 'kubernetes.io/tls' && !isKeyed(kept)) return undefined
  const { name, namespace } = object.metadata
  const secret: Secret = {
    apiVersion,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    type,
    data: kept,
  }
  return secret
}

/** A pair under either set of names, or certificates of authorities alone. */
function isKeyed(data: Readonly<Record<string, string>>): boolean {
  const has = (...members: readonly string[]): boolean => members.every((member) => member in data)
  return has('tls.crt', 'tls.key') || has('cert', 'key') || has('ca.crt') || has('cacert')
}

/** The mesh's own settings, bundles of certificates, and parameters of Gateways; what else applications keep in ConfigMaps is left alone. */
export function narrowConfigMap(object: KubeObject): KubeObject | undefined {
  const { data = {} } = object as ConfigMap
  if (SETTINGS_MEMBERS.some((member) => member in data)) return object
  const kept = Object.fromEntries(
    [TRUST_MEMBER, ...PARAMETER_MEMBERS].flatMap((member) => {
      const text = data[member]
      return text === undefined ? [] : [[member, text] as const]
    }),
  )
  if (Object.keys(kept).length === 0) return undefined
  const { name, namespace } = object.metadata
  const narrowed: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    data: kept,
  }
  return narrowed
}

/** The members of `istio` and `istio-sidecar-injector`. */
const SETTINGS_MEMBERS = ['mesh', 'values', 'config'] as const
