import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../base/index.ts'
import { createAuthority, type Issued, type IssueRequest, issue } from './certificate.ts'

export interface Pki {
  /** PEM of the certificate authority that signs the server and the client certificates */
  readonly caCertificate: string
  readonly server: Issued
  /** the user `kubernetes-admin` of the group `system:masters` */
  readonly admin: Issued
  /** signs ServiceAccount tokens (ES256) */
  readonly serviceAccountKey: { readonly privatePem: string; readonly publicPem: string }
  /** A new client certificate, not kept on disk. */
  readonly issueClient: (client: {
    readonly user: string
    readonly groups: readonly string[]
  }) => Promise<Issued>
}

export interface PkiOptions {
  readonly directory: string
  readonly clock: Clock
  /** more names and addresses for the server's certificate */
  readonly serverNames?: readonly string[]
}

const DAY_MS = 86_400_000
const CA_DAYS = 3650
const LEAF_DAYS = 365
/** A certificate is made anew when less than this is left of it. */
const RENEW_BEFORE_MS = 30 * DAY_MS

const SERVER_NAMES: readonly string[] = [
  '127.0.0.1',
  '::1',
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '10.43.0.1',
  '10.42.0.1',
]

/**
 * The cluster's keys and certificates, made where missing, expired or not fitting, and otherwise read.
 * Private keys are readable by their owner alone.
 */
export async function createPki(options: PkiOptions): Promise<Pki> {
  const { directory, clock } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const ca = await keep(
    directory,
    'ca',
    (pair) => isFresh(pair, clock),
    () => createAuthority({ commonName: 'lateen-ca', notBefore: clock.now(), days: CA_DAYS }),
  )
  const leaf = (file: string, request: Omit<IssueRequest, 'notBefore' | 'days'>) =>
    keep(
      directory,
      file,
      (pair) => isFresh(pair, clock) && isSignedBy(pair, ca) && hasNames(pair, request.names),
      () => issue(ca, { ...request, notBefore: clock.now(), days: LEAF_DAYS }),
    )
  const names = [...SERVER_NAMES, ...(options.serverNames ?? [])]
  const server = await leaf('apiserver', { commonName: 'kube-apiserver', groups: [], use: 'server', names })
  const admin = await leaf('admin', {
    commonName: 'kubernetes-admin',
    groups: ['system:masters'],
    use: 'client',
    names: [],
  })
  return {
    caCertificate: ca.certificate,
    server,
    admin,
    serviceAccountKey: keepServiceAccountKey(directory),
    issueClient: ({ user, groups }) =>
      issue(ca, {
        commonName: user,
        groups,
        use: 'client',
        names: [],
        notBefore: clock.now(),
        days: LEAF_DAYS,
      }),
  }
}

async function keep(
  directory: string,
  file: string,
  isGood: (pair: Issued) => boolean,
  make: () => Promise<Issued>,
): Promise<Issued> {
  const certificatePath = join(directory, `${file}.crt`)
  const keyPath = join(directory, `${file}.key`)
  if (existsSync(certificatePath) && existsSync(keyPath)) {
    const pair = { certificate: readFileSync(certificatePath, 'utf8'), key: readFileSync(keyPath, 'utf8') }
    if (isGood(pair)) return pair
  }
  const pair = await make()
  writePrivate(keyPath, pair.key)
  writePrivate(certificatePath, pair.certificate)
  return pair
}

function keepServiceAccountKey(directory: string): Pki['serviceAccountKey'] {
  const path = join(directory, 'service-account.key')
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writePrivate(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  }
  const privatePem = readFileSync(path, 'utf8')
  return {
    privatePem,
    publicPem: createPublicKey(privatePem).export({ type: 'spki', format: 'pem' }).toString(),
  }
}

/** Whole or not at all: a crash between the two steps leaves the old file. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
}

function isFresh(pair: Issued, clock: Clock): boolean {
  const certificate = parse(pair.certificate)
  return certificate !== undefined && certificate.validToDate.getTime() - clock.now() > RENEW_BEFORE_MS
}

function isSignedBy(pair: Issued, ca: Issued): boolean {
  return parse(pair.certificate)?.verify(new X509Certificate(ca.certificate).publicKey) === true
}

function hasNames(pair: Issued, names: readonly string[]): boolean {
  const certificate = parse(pair.certificate)
  return names.every((name) =>
    /^[\d.]+$|:/.test(name)
      ? certificate?.checkIP(name) !== undefined
      : certificate?.checkHost(name) !== undefined,
  )
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    // A damaged file is replaced, as a missing one is.
    return undefined
  }
}
