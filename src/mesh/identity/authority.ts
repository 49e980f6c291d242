import { X509Certificate } from 'node:crypto'
import type { Clock, Logger } from '../../base/index.ts'
import type { Secret } from '../../kube/index.ts'
import { isAlreadyExists, KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { Issuer, KeyedCertificate, SigningAuthority } from './issuer.ts'
import { PLUGGED_IN_SECRET, SELF_SIGNED_SECRET } from './names.ts'

const ROOT_TTL_MS = 10 * 365 * 24 * 3600_000

export interface AuthorityOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly trustDomain: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * The mesh's signing authority: the one that an operator plugged in (Secret `cacerts`), otherwise the self-signed one
 * (Secret `istio-ca-secret`), which the first replica makes and all others read.
 */
export async function loadIssuer(options: AuthorityOptions): Promise<Issuer> {
  const { client, namespace, clock, logger } = options
  // The certificate library takes its time to load, and only the control plane needs it.
  const issuerModule = import('./issuer.ts')
  const plugged = await client.get<Secret>(KINDS.secret, PLUGGED_IN_SECRET, namespace)
  const { createIssuer } = await issuerModule
  if (plugged) {
    logger.info('using the plugged-in CA', { secret: `${namespace}/${PLUGGED_IN_SECRET}` })
    return createIssuer(pluggedInAuthority(plugged, clock))
  }
  const secret = await selfSignedSecret(options)
  const certificate = requiredMember(secret, 'ca-cert.pem')
  const key = requiredMember(secret, 'ca-key.pem')
  const authority = { certificate, key, rootCertificate: certificate, intermediates: '', now: clock.now }
  return createIssuer(authority)
}

/** Create, or take what another replica has created: of two that race, both end with the same. */
async function selfSignedSecret(options: AuthorityOptions): Promise<Secret> {
  const { client, namespace, clock, logger } = options
  const read = () => client.get<Secret>(KINDS.secret, SELF_SIGNED_SECRET, namespace)
  const present = await read()
  if (present) return present
  const { createRoot } = await import('./issuer.ts')
  const root = await createRoot({ organization: options.trustDomain, now: clock.now(), ttlMs: ROOT_TTL_MS })
  try {
    const created = await client.create<Secret>(KINDS.secret, selfSignedObject(namespace, root))
    logger.info('made a self-signed CA', { secret: `${namespace}/${SELF_SIGNED_SECRET}` })
    return created
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    const other = await read()
    if (!other)
      throw new Error(`Secret ${namespace}/${SELF_SIGNED_SECRET} was deleted while it was read`, {
        cause: error,
      })
    return other
  }
}

function selfSignedObject(namespace: string, root: KeyedCertificate): Secret {
  const encode = (text: string) => Buffer.from(text).toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SELF_SIGNED_SECRET, namespace },
    type: 'istio.io/ca-root',
    data: {
      'ca-cert.pem': encode(root.certificate),
      'ca-key.pem': encode(root.key),
      'cert-chain.pem': '',
      'key.pem': '',
      'root-cert.pem': '',
    },
  }
}

function pluggedInAuthority(secret: Secret, clock: Clock): SigningAuthority {
  const certificate = requiredMember(secret, 'ca-cert.pem')
  const rootCertificate = requiredMember(secret, 'root-cert.pem')
  const chain = member(secret, 'cert-chain.pem') ?? certificate
  const isRoot =
    new X509Certificate(certificate).fingerprint256 === new X509Certificate(rootCertificate).fingerprint256
  return {
    certificate,
    key: requiredMember(secret, 'ca-key.pem'),
    rootCertificate,
    intermediates: isRoot ? '' : withNewline(chain),
    now: clock.now,
  }
}

function requiredMember(secret: Secret, key: string): string {
  const value = member(secret, key)
  if (value !== undefined) return value
  const { namespace, name } = secret.metadata
  throw new Error(
    `Secret ${namespace}/${name} has no ${key}; delete it and restart istiod to have a new CA made`,
  )
}

function member(secret: Secret, key: string): string | undefined {
  const value = secret.data?.[key]
  return value === undefined || value === '' ? undefined : Buffer.from(value, 'base64').toString()
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`
}
