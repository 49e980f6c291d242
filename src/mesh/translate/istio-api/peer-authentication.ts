import { type PeerAuthentication, peerAuthenticationName, type PeerTlsMode } from '../../../model/index.ts'
import type { PeerAuthentication as PeerAuthenticationResource } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'

export interface PeerAuthenticationResult {
  readonly key: string
  readonly policy: PeerAuthentication
  readonly problems: readonly string[]
}

const MODES: Readonly<Record<string, PeerTlsMode>> = {
  DISABLE: 'disable',
  PERMISSIVE: 'permissive',
  STRICT: 'strict',
}

/** What it asks for and is not known is asked for as strictly as can be. */
export function translatePeerAuthentication(
  object: PeerAuthenticationResource,
  settings: Pick<MeshSettings, 'rootNamespace'>,
): PeerAuthenticationResult {
  const { name, creationTimestamp: createdAt = '' } = object.metadata
  const namespace = namespaceOf(object)
  const { mtls, portLevelMtls = {}, selector } = object.spec ?? {}
  const labels = selector?.matchLabels ?? {}
  const isOfMesh = namespace === settings.rootNamespace
  const problems: string[] = []
  const hasLabels = Object.keys(labels).length > 0
  if (isOfMesh && hasLabels) {
    problems.push(
      `spec.selector: is ignored in ${namespace}, whose PeerAuthentications are for the whole mesh`,
    )
  }
  if (Object.keys(portLevelMtls).length > 0 && (!hasLabels || isOfMesh)) {
    problems.push('spec.portLevelMtls: has no effect without a selector')
  }
  const modeOf = (mode: string | undefined, path: string): PeerTlsMode | undefined => {
    if (mode === undefined || mode === 'UNSET') return undefined
    const known = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined
    if (known === undefined) problems.push(`${path}: ${mode} is not known; STRICT is used`)
    return known ?? 'strict'
  }
  const mode = modeOf(mtls?.mode, 'spec.mtls.mode')
  const ports = Object.entries(portLevelMtls).flatMap(([port, terms]) => {
    const own = modeOf(terms.mode, `spec.portLevelMtls.${port}.mode`)
    return own === undefined ? [] : [[port, own] as const]
  })
  const policy: PeerAuthentication = {
    type: 'peer-authentication',
    key: peerAuthenticationName(namespace, name),
    scope: isOfMesh ? { labels: {} } : { namespace, labels },
    createdAt,
    ...(mode !== undefined && { mode }),
    ports: Object.fromEntries(ports),
    origin: { kind: 'PeerAuthentication', namespace, name },
  }
  return { key: policy.key, policy, problems }
}
