import type { UpstreamTls } from '../../../model/index.ts'
import type { IstioClientTls } from '../../resources/index.ts'

/** Members whose meaning would be lost; connections are then refused rather than made on other terms. */
const REFUSED = ['caCrl'] as const
const FILES = ['clientCertificate', 'privateKey', 'caCertificates'] as const

/**
 * `tls` of a DestinationRule. ISTIO_MUTUAL is what the mesh does by itself with its own; naming it does it with all.
 * @param path where it stands, for messages; @param problems what is not served is added to it
 */
export function translateClientTls(
  tls: IstioClientTls | undefined,
  path: string,
  problems: string[],
): UpstreamTls | undefined {
  const mode = tls?.mode ?? 'DISABLE'
  if (tls === undefined) return undefined
  if (mode === 'DISABLE') return { kind: 'disabled' }
  if (mode === 'ISTIO_MUTUAL') {
    return {
      kind: 'mesh',
      ...((tls.sni ?? '') !== '' && { serverName: tls.sni ?? '' }),
      subjectAltNames: (tls.subjectAltNames ?? []).map((value) => ({ kind: 'any', value })),
    }
  }
  const unserved = [...REFUSED, ...FILES].filter((member) => (tls[member] ?? '') !== '')
  if (unserved.length > 0) {
    const reason = `${path}.${unserved.join(', ')} is not served yet`
    problems.push(`${reason}; no connection is made`)
    return { kind: 'refused', reason }
  }
  const credential = tls.credentialName ?? ''
  if (mode === 'MUTUAL' && credential === '') {
    const reason = `${path}.credentialName is not given for mode MUTUAL`
    problems.push(`${reason}; no connection is made`)
    return { kind: 'refused', reason }
  }
  const reference = { source: 'Secret', name: credential } as const
  const sni = tls.sni ?? ''
  return {
    kind: 'originate',
    ...(sni === '' ? {} : { serverName: sni }),
    subjectAltNames: (tls.subjectAltNames ?? []).map((value) => ({ kind: 'any', value })),
    trust: trustOf(tls, credential),
    ...(mode === 'MUTUAL' ? { certificate: reference } : {}),
  }
}

function trustOf(
  tls: IstioClientTls,
  credential: string,
): Extract<UpstreamTls, { kind: 'originate' }>['trust'] {
  if (tls.insecureSkipVerify === true) return { kind: 'anyone' }
  if (credential === '') return { kind: 'system' }
  const references = [credential, `${credential}-cacert`].map((name) => ({ source: 'Secret' as const, name }))
  return { kind: 'credential', references }
}
