import type { CredentialReference } from '../../../model/index.ts'
import type { GatewaySpec } from '../../resources/index.ts'
import { type CertificateContext, resolveCertificate } from './certificate-reference.ts'

/** What a Gateway shows to backends whose BackendTLSPolicy has it speak TLS with them. */
export interface BackendCertificate {
  /** Absent when the reference does not resolve: backends that ask for a certificate then refuse the connection. */
  readonly reference: CredentialReference | undefined
  readonly fault: BackendCertificateFault | undefined
}

/** For ResolvedRefs of the Gateway itself. */
export interface BackendCertificateFault {
  readonly reason: 'InvalidClientCertificateRef' | 'RefNotPermitted'
  readonly message: string
}

/** @returns undefined when the Gateway names no certificate */
export function backendCertificate(
  spec: GatewaySpec,
  namespace: string,
  context: CertificateContext,
): BackendCertificate | undefined {
  const ref = spec.tls?.backend?.clientCertificateRef
  if (ref === undefined) return undefined
  const resolved = resolveCertificate(ref, { kind: 'Gateway', namespace }, context)
  if (resolved.kind === 'good') return { reference: resolved.reference, fault: undefined }
  const message = `tls.backend.clientCertificateRef: ${resolved.message}`
  const isForbidden = resolved.kind === 'not-permitted'
  return {
    reference: undefined,
    fault: { reason: isForbidden ? 'RefNotPermitted' : 'InvalidClientCertificateRef', message },
  }
}
