import {
  type Credential,
  type CredentialName,
  credentialName,
  type CredentialReference,
  type Listener,
} from '../../model/index.ts'
import type { TlsMaterial } from './server.ts'

/** Gathers what a listener's terms name. @returns why it cannot serve, when something is not here */
export function gatherMaterial(
  listener: Listener,
  credential: (key: CredentialName) => Credential | undefined,
  ownNamespace: string,
): Omit<TlsMaterial, 'defaults'> | string {
  const { tls, key } = listener
  if (tls?.kind !== 'terminate') return `listener ${key} does not terminate TLS`
  const nameOf = (reference: CredentialReference) => credentialKey(reference, ownNamespace)
  const certificates = tls.certificates.flatMap(
    (reference) => credential(nameOf(reference))?.certificate ?? [],
  )
  if (certificates.length === 0) {
    const names = tls.certificates.map(nameOf).join(', ')
    return `listener ${key} has no certificate yet: ${names} is not here, or not for this proxy`
  }
  const { clients } = tls
  const references = clients.kind === 'required' || clients.kind === 'optional' ? clients.trust : []
  const authorities = references.flatMap((reference) => credential(nameOf(reference)) ?? [])
  const absent = references.find(
    (reference) => reference.source === 'File' && credential(nameOf(reference)) === undefined,
  )
  if (absent !== undefined) return `listener ${key} cannot check clients: ${nameOf(absent)} cannot be read`
  const trust = authorities.flatMap((one) => one.trust ?? [])
  if (references.length > 0 && trust.length === 0) {
    const names = references.map(nameOf).join(', ')
    return `listener ${key} cannot check clients: no certificates of authorities in ${names}`
  }
  const revocations = authorities.flatMap((one) => one.revocations ?? [])
  return { listener: key, terms: tls, certificates, trust, revocations }
}

export function credentialKey(reference: CredentialReference, ownNamespace: string): CredentialName {
  return credentialName(reference.source, reference.namespace ?? ownNamespace, reference.name)
}
