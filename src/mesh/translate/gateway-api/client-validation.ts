import { type ClientCertificates, type CredentialReference, credentialName } from '../../../model/index.ts'
import type { FrontendValidation, GatewayFrontendTls, ObjectReference } from '../../resources/index.ts'
import {
  type CertificateContext,
  crossingProblem,
  type ReferenceFault,
  type Referrer,
} from './certificate-reference.ts'

/** What HTTPS listeners of a port ask of their clients. */
export interface ClientValidation {
  /** Absent: no reference to certificates of authorities is good, so that nobody can be let in. */
  readonly clients: ClientCertificates | undefined
  readonly fault: ReferenceFault | undefined
}

const NOT_ASKED: ClientValidation = { clients: { kind: 'none' }, fault: undefined }

/** `spec.tls.frontend`: what is said of a port takes the place of what is said of all. */
export function frontendValidation(
  frontend: GatewayFrontendTls | undefined,
  referrer: Referrer,
  context: CertificateContext,
): (port: number) => ClientValidation {
  if (frontend === undefined) return () => NOT_ASKED
  const resolve = (validation: FrontendValidation | undefined): ClientValidation =>
    validation === undefined ? NOT_ASKED : clientsOf(validation, referrer, context)
  return (port) => {
    const own = frontend.perPort?.find((one) => one.port === port)
    return resolve(own === undefined ? frontend.default.validation : own.tls.validation)
  }
}

/** Ports, or `default`, on which a client needs no good certificate although one is asked for. */
export function insecurePlaces(frontend: GatewayFrontendTls | undefined): readonly string[] {
  if (frontend === undefined) return []
  const isInsecure = (validation: FrontendValidation | undefined) =>
    validation?.mode === 'AllowInsecureFallback'
  return [
    ...(isInsecure(frontend.default.validation) ? ['tls.frontend.default'] : []),
    ...(frontend.perPort ?? []).flatMap(({ port, tls }) =>
      isInsecure(tls.validation) ? [`tls.frontend.perPort for port ${port}`] : [],
    ),
  ]
}

/** Those of the references that are good are believed, each of the others is told. */
function clientsOf(
  validation: FrontendValidation,
  referrer: Referrer,
  context: CertificateContext,
): ClientValidation {
  const faults: ReferenceFault[] = []
  const trust: CredentialReference[] = []
  for (const ref of validation.caCertificateRefs) {
    const resolved = resolveAuthorities(ref, referrer, context)
    if ('reason' in resolved) faults.push(resolved)
    else trust.push(resolved)
  }
  const [first] = faults
  return {
    clients: trust.length === 0 ? undefined : withTrust(validation.mode, trust),
    fault: first && { reason: first.reason, message: faults.map(({ message }) => message).join('; ') },
  }
}

function withTrust(
  mode: FrontendValidation['mode'],
  trust: readonly CredentialReference[],
): ClientCertificates {
  return mode === 'AllowInsecureFallback' ? { kind: 'unverified' } : { kind: 'required', trust }
}

function resolveAuthorities(
  ref: ObjectReference,
  referrer: Referrer,
  context: CertificateContext,
): CredentialReference | ReferenceFault {
  const { group, kind, namespace = referrer.namespace, name } = ref
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
    const full = group === '' ? kind : `${kind}.${group}`
    const message = `caCertificateRefs: ${name} is a ${full}; only ConfigMaps and Secrets are read`
    return { reason: 'InvalidCACertificateKind', message }
  }
  const problem = crossingProblem({ group, kind, namespace, name }, referrer, context)
  if (problem !== undefined) return { reason: 'RefNotPermitted', message: problem }
  const material = context.material(credentialName(kind, namespace, name))
  if (material?.trust !== undefined) return { source: kind, namespace, name }
  const message = `caCertificateRefs: ${kind} ${namespace}/${name} cannot be used: ${material?.trustProblem ?? 'it does not exist, or has no ca.crt'}`
  return { reason: 'InvalidCACertificateRef', message }
}
