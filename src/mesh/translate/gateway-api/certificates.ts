import type { CredentialReference, ListenerTls } from '../../../model/index.ts'
import { credentialName } from '../../../model/index.ts'
import type { GatewayListener, ReferenceGrant, SecretObjectReference } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import type { Material } from '../credentials/material.ts'
import { isGranted } from './grants.ts'

/** What certificate references are judged by. */
export interface CertificateContext {
  readonly material: (key: string) => Material | undefined
  readonly grants: (namespace: string) => readonly ReferenceGrant[]
}

/** What a listener's ResolvedRefs says of its certificates. */
export interface CertificateFault {
  readonly reason: 'InvalidCertificateRef' | 'RefNotPermitted'
  readonly message: string
}

export interface SecuredListener {
  readonly tls: ListenerTls | undefined
  readonly fault: CertificateFault | undefined
}

const NONE: SecuredListener = { tls: undefined, fault: undefined }

/** The TLS terms of a listener: those of its certificates that are good serve, each of the others is told. */
export function listenerTls(
  listener: GatewayListener,
  namespace: string,
  context: CertificateContext,
): SecuredListener {
  const { protocol, tls } = listener
  if (protocol !== 'HTTPS' && protocol !== 'TLS') return NONE
  if (tls?.mode === 'Passthrough') return { tls: { kind: 'passthrough' }, fault: undefined }
  const refs = tls?.certificateRefs ?? []
  if (refs.length === 0) {
    const message = 'tls.certificateRefs names no Secret; there is nothing to terminate TLS with'
    return { tls: undefined, fault: { reason: 'InvalidCertificateRef', message } }
  }
  const faults: CertificateFault[] = []
  const certificates = refs.flatMap((ref) => {
    const resolved = resolveCertificate(ref, namespace, context)
    if ('reason' in resolved) {
      faults.push(resolved)
      return []
    }
    return [resolved]
  })
  const [first] = faults
  return {
    tls:
      certificates.length === 0 ? undefined : { kind: 'terminate', certificates, clients: { kind: 'none' } },
    fault: first && { reason: first.reason, message: faults.map((fault) => fault.message).join('; ') },
  }
}

export function resolveCertificate(
  ref: SecretObjectReference,
  from: string,
  context: CertificateContext,
): CredentialReference | CertificateFault {
  const { group = '', kind = 'Secret', namespace = from, name } = ref
  if (group !== '' || kind !== 'Secret') {
    const full = group === '' ? kind : `${kind}.${group}`
    return invalid(`Certificate reference ${name} is a ${full}; only Secrets are read`)
  }
  const isOwn = namespace === from
  const crossing = {
    from: { group: GATEWAY_GROUP, kind: 'Gateway', namespace: from },
    to: { group, kind, name },
  }
  if (!isOwn && !isGranted(crossing, context.grants(namespace))) {
    const message = `Secret ${namespace}/${name} may not be used: a ReferenceGrant in ${namespace} for Gateways from ${from} is needed`
    return { reason: 'RefNotPermitted', message }
  }
  const material = context.material(credentialName('Secret', namespace, name))
  if (material === undefined) {
    return invalid(`Secret ${namespace}/${name} does not exist, or holds no tls.crt and tls.key`)
  }
  if (material.certificate === undefined) {
    return invalid(`Secret ${namespace}/${name} cannot be used: ${material.certificateProblem}`)
  }
  return { source: 'Secret', namespace, name }
}

function invalid(message: string): CertificateFault {
  return { reason: 'InvalidCertificateRef', message }
}
