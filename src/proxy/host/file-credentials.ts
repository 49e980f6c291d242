import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import {
  type Credential,
  type CredentialName,
  credentialName,
  type CredentialReference,
  type Listener,
  parseFileCredential,
  type Service,
  type TrafficPolicy,
} from '../../model/index.ts'
import type { XdsChange } from '../../xds/client/index.ts'

/**
 * Certificates that DestinationRules and servers name by files of the proxy's own container. They are read when they are
 * first named, and looked at again from time to time; what cannot be used leaves the last good ones in their place.
 */
export interface FileCredentials {
  /** @returns the credentials that these changes name and that are not known yet, to be taken before them */
  readonly follow: (changes: readonly XdsChange[]) => readonly XdsChange[]
  readonly stop: () => void
}

const LOOK_MS = 2000
/** What a proxy reads again and again; a mesh names a few. */
const FILES_MAX = 256

interface Held {
  readonly key: CredentialName
  readonly name: string
  version: string
  problem: string
}

export function createFileCredentials(options: {
  /** By the container's own paths; undefined when there is no such file. */
  readonly readFile: (path: string) => string | undefined
  readonly holder: { readonly namespace: string; readonly serviceAccount: string }
  readonly accept: (changes: readonly XdsChange[]) => void
  readonly clock: Clock
  readonly logger: Logger
}): FileCredentials {
  const { clock, logger, holder } = options
  const held = new Map<CredentialName, Held>()
  let cancel = (): void => {}
  let isStopped = false

  function look(): void {
    const changes = [...held.values()].flatMap(changeOf)
    if (changes.length > 0) options.accept(changes)
    schedule()
  }

  function schedule(): void {
    cancel()
    if (!isStopped && held.size > 0) cancel = clock.after(LOOK_MS, look)
  }

  function changeOf(one: Held): readonly XdsChange[] {
    try {
      const credential = read(one)
      const version = createHash('sha256').update(JSON.stringify(credential)).digest('hex')
      one.problem = ''
      if (version === one.version) return []
      one.version = version
      return [{ kind: 'set', type: 'credential', key: credential.key, version, object: credential }]
    } catch (error) {
      const problem = messageOf(error)
      if (problem !== one.problem) logger.warn('certificates cannot be used', { problem })
      one.problem = problem
      return []
    }
  }

  /** @throws Error with the file that is not there, or does not fit */
  function read({ key, name }: Held): Credential {
    const files = parseFileCredential(name)
    const textOf = (path: string): string => {
      const text = options.readFile(path)
      if (text === undefined || text.trim() === '') throw new Error(`there is nothing in ${path}`)
      return text
    }
    const { certificate, privateKey, trust, revocations } = files
    const { namespace, serviceAccount } = holder
    return {
      type: 'credential',
      key,
      holders: [{ namespace, serviceAccounts: [serviceAccount] }],
      ...(certificate !== undefined &&
        privateKey !== undefined && {
          certificate: fitting(textOf(certificate), textOf(privateKey), certificate),
        }),
      ...(trust !== undefined && { trust: textOf(trust) }),
      ...(revocations !== undefined && { revocations: textOf(revocations) }),
      origin: { kind: 'File', namespace, name: Object.values(files).join(',') },
    }
  }

  return {
    follow(changes) {
      const added: Held[] = []
      for (const { name, namespace = holder.namespace } of changes.flatMap(filesIn)) {
        const key = credentialName('File', namespace, name)
        if (held.has(key)) continue
        if (held.size >= FILES_MAX) {
          logger.warn(`more than ${FILES_MAX} certificates are named by files; this one is not read`, {
            name,
          })
          continue
        }
        const one: Held = { key, name, version: '', problem: '' }
        held.set(key, one)
        added.push(one)
      }
      if (added.length > 0) schedule()
      return added.flatMap(changeOf)
    },
    stop() {
      isStopped = true
      cancel()
    },
  }
}

/** Files are replaced one after the other: a key that is not the certificate's belongs to the next, or the last. */
function fitting(chain: string, privateKey: string, path: string): NonNullable<Credential['certificate']> {
  if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(privateKey))) {
    throw new Error(`the private key is not that of ${path}`)
  }
  return { chain, privateKey }
}

function filesIn(change: XdsChange): readonly CredentialReference[] {
  if (change.kind !== 'set') return []
  const references =
    change.type === 'service'
      ? ofService(change.object as Service)
      : change.type === 'listener'
        ? ofListener(change.object as Listener)
        : []
  return references.filter(({ source }) => source === 'File')
}

function ofService({ policies }: Service): readonly CredentialReference[] {
  return policies.flatMap(({ traffic, ports, subsets }) =>
    [
      traffic,
      ...Object.values(ports),
      ...subsets.flatMap((subset) => [subset.traffic, ...Object.values(subset.ports ?? {})]),
    ].flatMap(ofPolicy),
  )
}

function ofPolicy({ tls }: TrafficPolicy): readonly CredentialReference[] {
  if (tls?.kind !== 'originate') return []
  const { certificate, trust } = tls
  return [...(certificate ? [certificate] : []), ...(trust.kind === 'credential' ? trust.references : [])]
}

function ofListener({ tls }: Listener): readonly CredentialReference[] {
  if (tls?.kind !== 'terminate') return []
  const { clients } = tls
  const trust = clients.kind === 'required' || clients.kind === 'optional' ? clients.trust : []
  return [...tls.certificates, ...trust]
}
