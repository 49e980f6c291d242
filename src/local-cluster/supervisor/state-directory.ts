import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Every file of a cluster lies under one directory; these are its rooms. */
export interface StateDirectory {
  readonly root: string
  /** Six hexadecimal digits that tell this cluster's namespaces and links from another's on the same machine. */
  readonly clusterId: string
  readonly store: string
  readonly pki: string
  readonly kubeconfig: string
  readonly logs: string
  readonly run: string
  readonly pods: string
  readonly images: string
  readonly nodeProxySocket: string
  /** Where the node proxy's successor asks it for its place. */
  readonly handoverSocket: string
}

/** @param path absolute or relative to the working directory */
export function stateDirectory(path: string): StateDirectory {
  const root = resolve(path)
  const run = join(root, 'run')
  return {
    root,
    clusterId: createHash('sha256').update(root).digest('hex').slice(0, 6),
    store: join(root, 'store.db'),
    pki: join(root, 'pki'),
    kubeconfig: join(root, 'kubeconfig'),
    logs: join(root, 'logs'),
    run,
    pods: join(root, 'pods'),
    images: join(root, 'images.json'),
    nodeProxySocket: join(run, 'node-proxy.sock'),
    handoverSocket: join(run, 'handover.sock'),
  }
}

/** Makes the rooms; only the owner may look in, for the keys' sake. @throws when the path cannot be made or is a file */
export function createStateDirectory(state: StateDirectory): void {
  for (const path of [state.root, state.logs, state.run, state.pods])
    mkdirSync(path, { recursive: true, mode: 0o700 })
}
