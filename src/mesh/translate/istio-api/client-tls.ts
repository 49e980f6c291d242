import { type CredentialReference, fileCredential, type UpstreamTls } from '../../../model/index.ts'
import type { IstioClientTls } from '../../resources/index.ts'

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
  const fault = faultOf(tls, mode)
  if (fault !== undefined) {
    const reason = `${path}${fault}`
    problems.push(`${reason}; no connection is made`)
    return { kind: 'refused', reason }
  }
  const sni = tls.sni ?? ''
  return {
    kind: 'originate',
    ...(sni === '' ? {} : { serverName: sni }),
    subjectAltNames: (tls.subjectAltNames ?? []).map((value) => ({ kind: 'any', value })),
    trust: trustOf(tls),
    ...(mode === 'MUTUAL' ? { certificate: certificateOf(tls) } : {}),
  }
}

/** What would make connections other than they are meant: there are none then. */
function faultOf(tls: IstioClientTls, mode: string): string | undefined {
  const {
    credentialName = '',
    clientCertificate = '',
    privateKey = '',
    caCertificates = '',
    caCrl = '',
  } = tls
  const hasFiles = clientCertificate !== '' || privateKey !== '' || caCertificates !== ''
  if (credentialName !== '' && hasFiles)
    return '.credentialName is given, and files are too: which is meant is not clear'
  if (mode === 'MUTUAL' && credentialName === '' && (clientCertificate === '' || privateKey === '')) {
    return clientCertificate === '' && privateKey === ''
      ? '.credentialName is not given for mode MUTUAL, nor are files'
      : ' names a certificate without its private key, or the other way round'
  }
  const isSystem = credentialName === '' && (caCertificates === '' || caCertificates === SYSTEM)
  return caCrl !== '' && isSystem
    ? '.caCrl is for the authorities of caCertificates, and there are none'
    : undefined
}

/** Istio's word for the authorities that the machine believes. */
const SYSTEM = 'system'

function certificateOf({
  credentialName = '',
  clientCertificate = '',
  privateKey = '',
}: IstioClientTls): CredentialReference {
  if (credentialName !== '') return { source: 'Secret', name: credentialName }
  return fileCredential({ certificate: clientCertificate, privateKey })
}

function trustOf(tls: IstioClientTls): Extract<UpstreamTls, { kind: 'originate' }>['trust'] {
  const { credentialName = '', caCertificates = '', caCrl = '' } = tls
  if (tls.insecureSkipVerify === true) return { kind: 'anyone' }
  if (credentialName !== '') {
    const secrets = [credentialName, `${credentialName}-cacert`].map((name) => ({
      source: 'Secret' as const,
      name,
    }))
    const lists = caCrl === '' ? [] : [fileCredential({ revocations: caCrl })]
    return { kind: 'credential', references: [...secrets, ...lists] }
  }
  if (caCertificates === '' || caCertificates === SYSTEM) return { kind: 'system' }
  return { kind: 'credential', references: [fileCredential({ trust: caCertificates, revocations: caCrl })] }
}
