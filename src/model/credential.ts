import type { CredentialName, Origin } from './names.ts'

/**
 * Key material: what a proxy proves itself with, and whom it believes. Sent only to proxies whose proven identity is
 * among the holders, and never shown: not in logs, not in `config_dump`, not in debug pages.
 */
export interface Credential {
  readonly type: 'credential'
  readonly key: CredentialName
  readonly holders: readonly CredentialHolder[]
  /** PEM: the leaf first, then what leads to a root; and its private key. */
  readonly certificate?: { readonly chain: string; readonly privateKey: string }
  /** PEM: the certificates that peers' chains may end in. */
  readonly trust?: string
  /** PEM: the revocation lists of all authorities in `trust`, and of those that they have signed. */
  readonly revocations?: string
  readonly origin: Origin
}

/** Who may have it: proxies that run as one of these service accounts. */
export interface CredentialHolder {
  readonly namespace: string
  readonly serviceAccounts: readonly string[]
}

/** How a listener or a service names a credential. */
export interface CredentialReference {
  readonly source: CredentialSource
  /** Absent: the namespace of the proxy that uses it (Istio's `credentialName`). */
  readonly namespace?: string
  readonly name: string
}

/**
 * `Workload`: what the proxy proves its workload's identity with. It makes that itself; nobody sends it. `File`: what lies in
 * the container of the proxy, which reads it itself; the name says where (`fileCredential`).
 */
export type CredentialSource = 'Secret' | 'ConfigMap' | 'Workload' | 'File'

/** Paths in the proxy's container. */
export interface CredentialFiles {
  readonly certificate?: string
  readonly privateKey?: string
  readonly trust?: string
  readonly revocations?: string
}

const FILE_PARTS = ['certificate', 'privateKey', 'trust', 'revocations'] as const

export function fileCredential(files: CredentialFiles): CredentialReference {
  const given = FILE_PARTS.flatMap((part): [string, string][] => {
    const path = files[part] ?? ''
    return path === '' ? [] : [[part, path]]
  })
  return { source: 'File', name: new URLSearchParams(given).toString() }
}

/** The paths that a name of `fileCredential` stands for. */
export function parseFileCredential(name: string): CredentialFiles {
  const parameters = new URLSearchParams(name)
  return Object.fromEntries(
    FILE_PARTS.flatMap((part) => {
      const path = parameters.get(part)
      return path === null ? [] : [[part, path]]
    }),
  )
}

/** The proxy's own identity, and whom it believes in the mesh. Named as Istio's proxies name it. */
export const WORKLOAD_CREDENTIAL: CredentialReference = { source: 'Workload', name: 'default' }
