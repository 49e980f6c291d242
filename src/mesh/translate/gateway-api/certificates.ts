import type { ListenerTls } from '../../../model/index.ts'
import type { GatewayListener, SecretObjectReference } from '../../resources/index.ts'
import {
  type CertificateContext,
  type ReferenceFault,
  type Referrer,
  resolveCertificate,
  type ResolvedCertificate,
} from './certificate-reference.ts'
import type { ClientValidation } from './client-validation.ts'

export interface SecuredListener {
  readonly tls: ListenerTls | undefined
  readonly fault: ReferenceFault | undefined
  /** Nobody is left whom clients' certificates could be believed from: the listener is not accepted. */
  readonly missingTrust: string | undefined
  /** What its certificates name, lower case. */
  readonly certificateNames: readonly string[]
}

const NONE: SecuredListener = {
  tls: undefined,
  fault: undefined,
  missingTrust: undefined,
  certificateNames: [],
}

/** The TLS terms of a listener: those of its certificates that are good serve, each of the others is told. */
export function listenerTls(
  listener: GatewayListener,
  referrer: Referrer,
  context: CertificateContext & { readonly clients: (port: number) => ClientValidation },
): SecuredListener {
  const { protocol, tls, port } = listener
  if (protocol !== 'HTTPS' && protocol !== 'TLS') return NONE
  if (tls?.mode === 'Passthrough') return { ...NONE, tls: { kind: 'passthrough' } }
  const { found, faults } = resolveAll(tls?.certificateRefs ?? [], referrer, context)
  const validation = protocol === 'HTTPS' ? context.clients(port) : undefined
  const missingTrust = validation?.clients === undefined ? validation?.fault?.message : undefined
  const clients = validation === undefined ? ({ kind: 'none' } as const) : validation.clients
  const all = [...faults, ...(validation?.fault === undefined ? [] : [validation.fault])]
  const [first] = all
  return {
    tls:
      found.length === 0 || clients === undefined
        ? undefined
        : { kind: 'terminate', certificates: found.map(({ reference }) => reference), clients },
    fault: first && { reason: first.reason, message: all.map(({ message }) => message).join('; ') },
    missingTrust,
    certificateNames: [...new Set(found.flatMap(({ material }) => material.names))],
  }
}

function resolveAll(refs: readonly SecretObjectReference[], referrer: Referrer, context: CertificateContext) {
  const faults: ReferenceFault[] = []
  const found: ResolvedCertificate[] = []
  if (refs.length === 0) {
    const message = 'tls.certificateRefs names no Secret; there is nothing to terminate TLS with'
    faults.push({ reason: 'InvalidCertificateRef', message })
  }
  for (const ref of refs) {
    const resolved = resolveCertificate(ref, referrer, context)
    if (resolved.kind === 'good') found.push(resolved)
    else {
      const reason = resolved.kind === 'not-permitted' ? 'RefNotPermitted' : 'InvalidCertificateRef'
      faults.push({ reason, message: resolved.message })
    }
  }
  return { found, faults }
}
