import { type CredentialReference, credentialName } from '../../../model/index.ts'
import type { ReferenceGrant, SecretObjectReference } from '../../resources/index.ts'
import { GATEWAY_GROUP } from '../../resources/index.ts'
import type { Material } from '../credentials/material.ts'
import { isGranted } from './grants.ts'

/** What certificate references are judged by. */
export interface CertificateContext {
  readonly material: (key: string) => Material | undefined
  readonly grants: (namespace: string) => readonly ReferenceGrant[]
}

/** Who refers to something: what a ReferenceGrant has to name. */
export interface Referrer {
  readonly kind: 'Gateway' | 'ListenerSet'
  readonly namespace: string
}

/** What a listener's ResolvedRefs says of what its TLS names. */
export interface ReferenceFault {
  readonly reason:
    | 'InvalidCertificateRef'
    | 'RefNotPermitted'
    | 'InvalidCACertificateRef'
    | 'InvalidCACertificateKind'
  readonly message: string
}

export interface ResolvedCertificate {
  readonly reference: CredentialReference
  readonly material: Material
}

/** A Secret with a certificate and its key, or why it cannot be used. */
export function resolveCertificate(
  ref: SecretObjectReference,
  referrer: Referrer,
  context: CertificateContext,
):
  | ({ readonly kind: 'good' } & ResolvedCertificate)
  | { readonly kind: 'not-permitted' | 'invalid'; readonly message: string } {
  const { group = '', kind = 'Secret', namespace = referrer.namespace, name } = ref
  if (group !== '' || kind !== 'Secret') {
    const full = group === '' ? kind : `${kind}.${group}`
    return invalid(`Certificate reference ${name} is a ${full}; only Secrets are read`)
  }
  const problem = crossingProblem({ group, kind, namespace, name }, referrer, context)
  if (problem !== undefined) return { kind: 'not-permitted', message: problem }
  const material = context.material(credentialName('Secret', namespace, name))
  if (material === undefined) {
    return invalid(`Secret ${namespace}/${name} does not exist, or holds no tls.crt and tls.key`)
  }
  if (material.certificate === undefined) {
    return invalid(`Secret ${namespace}/${name} cannot be used: ${material.certificateProblem}`)
  }
  return { kind: 'good', reference: { source: 'Secret', namespace, name }, material }
}

function invalid(message: string) {
  return { kind: 'invalid', message } as const
}

/** @returns what is missing, when a reference leaves its namespace without leave */
export function crossingProblem(
  to: {
    readonly group: string
    readonly kind: string
    readonly namespace: string
    readonly name: string
  },
  referrer: Referrer,
  context: Pick<CertificateContext, 'grants'>,
): string | undefined {
  if (to.namespace === referrer.namespace) return undefined
  const from = { group: GATEWAY_GROUP, ...referrer }
  if (isGranted({ from, to }, context.grants(to.namespace))) return undefined
  const { kind, namespace, name } = to
  return `${kind} ${namespace}/${name} may not be used: a ReferenceGrant in ${namespace} for ${from.kind}s from ${from.namespace} is needed`
}
