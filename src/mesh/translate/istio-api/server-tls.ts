import {
  type AcceptedClients,
  type ClientCertificates,
  type CredentialReference,
  fileCredential,
  type ListenerTls,
  type TlsVersion,
  WORKLOAD_CREDENTIAL,
} from '../../../model/index.ts'
import type { IstioServerTls } from '../../resources/index.ts'

const VERSIONS: Readonly<Record<string, TlsVersion | undefined>> = {
  TLS_AUTO: undefined,
  TLSV1_0: 'TLSv1',
  TLSV1_1: 'TLSv1.1',
  TLSV1_2: 'TLSv1.2',
  TLSV1_3: 'TLSv1.3',
}

const OF_CLIENTS = ['verifyCertificateSpki', 'verifyCertificateHash', 'subjectAltNames'] as const
const FILES = ['serverCertificate', 'privateKey', 'caCertificates', 'caCrl', 'tlsCertificates'] as const

/**
 * The TLS terms of an Istio server.
 * @param path where they stand, for messages; @param problems why there are none is added to it
 */
export function translateServerTls(
  tls: IstioServerTls | undefined,
  path: string,
  problems: string[],
): ListenerTls | undefined {
  const mode = tls?.mode ?? 'SIMPLE'
  switch (mode) {
    case 'PASSTHROUGH':
      return { kind: 'passthrough' }
    case 'AUTO_PASSTHROUGH':
      return { kind: 'auto-passthrough' }
    case 'SIMPLE':
    case 'MUTUAL':
    case 'OPTIONAL_MUTUAL':
      return terminate(tls ?? {}, mode, path, problems)
    case 'ISTIO_MUTUAL':
      return mutual(tls ?? {}, path, problems)
    default:
      problems.push(`${path}.mode ${mode} is not served yet; the server is not opened`)
      return undefined
  }
}

/** With the gateway's own certificate of the mesh, for clients that have one as well. */
function mutual(tls: IstioServerTls, path: string, problems: string[]): ListenerTls | undefined {
  const own = ['credentialName', 'credentialNames', 'caCertCredentialName', ...FILES] as const
  const given = own.filter((member) => isGiven(tls[member]))
  for (const member of given)
    problems.push(`${path}.${member} must not be given with mode ISTIO_MUTUAL; the server is not opened`)
  if (given.length > 0) return undefined
  const accepted = acceptedOf(tls)
  return {
    kind: 'terminate',
    certificates: [WORKLOAD_CREDENTIAL],
    clients: {
      kind: 'required',
      trust: [WORKLOAD_CREDENTIAL],
      ...(Object.keys(accepted).length > 0 && { accepted }),
    },
    ...protocolTerms(tls),
  }
}

function protocolTerms(tls: IstioServerTls) {
  const minVersion = VERSIONS[tls.minProtocolVersion ?? 'TLS_AUTO']
  const maxVersion = VERSIONS[tls.maxProtocolVersion ?? 'TLS_AUTO']
  const ciphers = tls.cipherSuites ?? []
  return {
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(ciphers.length === 0 ? {} : { ciphers }),
  }
}

function terminate(
  tls: IstioServerTls,
  mode: 'SIMPLE' | 'MUTUAL' | 'OPTIONAL_MUTUAL',
  path: string,
  problems: string[],
): ListenerTls | undefined {
  const unasked = mode === 'SIMPLE' ? OF_CLIENTS.filter((member) => isGiven(tls[member])) : []
  for (const member of unasked)
    problems.push(`${path}.${member} needs mode MUTUAL or OPTIONAL_MUTUAL; the server is not opened`)
  const certificates = certificatesOf(tls)
  if (typeof certificates === 'string') problems.push(`${path}${certificates}; the server is not opened`)
  const clients = clientsOf(tls, mode)
  if (typeof clients === 'string') problems.push(`${path}${clients}; the server is not opened`)
  if (unasked.length > 0 || typeof certificates === 'string' || typeof clients === 'string') return undefined
  return { kind: 'terminate', certificates, clients, ...protocolTerms(tls) }
}

/** @returns why there are none, where they cannot be had */
function certificatesOf(tls: IstioServerTls): readonly CredentialReference[] | string {
  const names = namesOf(tls)
  const files = tls.tlsCertificates ?? []
  const pairs = isGiven(tls.serverCertificate) || isGiven(tls.privateKey) ? [tls, ...files] : files
  if (names.length > 0) {
    return pairs.length > 0
      ? '.credentialName is given, and files are too: which is meant is not clear'
      : names.map(secretNamed)
  }
  if (pairs.length === 0) return '.credentialName is not given; the server has no certificate'
  if (!pairs.every((pair) => isGiven(pair.serverCertificate) && isGiven(pair.privateKey)))
    return ' names a certificate without its private key, or the other way round'
  return pairs.map(({ serverCertificate = '', privateKey = '' }) =>
    fileCredential({ certificate: serverCertificate, privateKey }),
  )
}

function namesOf({ credentialName = '', credentialNames }: IstioServerTls): readonly string[] {
  return credentialNames ?? (credentialName === '' ? [] : [credentialName])
}

/** Istio: clients' authorities stand in the Secret itself, in `<credentialName>-cacert`, or in one that is named. */
function clientsOf(tls: IstioServerTls, mode: string): ClientCertificates | string {
  if (mode === 'SIMPLE') return { kind: 'none' }
  const { caCertCredentialName = '', caCertificates = '', caCrl = '' } = tls
  const names = namesOf(tls)
  const bundles =
    caCertCredentialName === '' ? names.flatMap((name) => [name, `${name}-cacert`]) : [caCertCredentialName]
  if (bundles.length === 0 && caCertificates === '')
    return '.caCertificates is not given: nobody could be checked'
  const files = { trust: caCertificates, revocations: caCrl }
  const accepted = acceptedOf(tls)
  return {
    kind: mode === 'MUTUAL' ? 'required' : 'optional',
    trust: [...bundles.map(secretNamed), ...(caCertificates + caCrl === '' ? [] : [fileCredential(files)])],
    ...(Object.keys(accepted).length > 0 && { accepted }),
  }
}

/** Hashes of certificates may be written with colons and in capitals, as openssl prints them. */
function acceptedOf(tls: IstioServerTls): AcceptedClients {
  const { subjectAltNames = [], verifyCertificateHash = [], verifyCertificateSpki = [] } = tls
  const hashes = verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase())
  return {
    ...(subjectAltNames.length > 0 && { names: subjectAltNames }),
    ...(hashes.length > 0 && { certificateHashes: hashes }),
    ...(verifyCertificateSpki.length > 0 && { keyHashes: verifyCertificateSpki }),
  }
}

/** In the namespace of the gateway's pods. */
function secretNamed(name: string): CredentialReference {
  return { source: 'Secret', name }
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== ''
}
