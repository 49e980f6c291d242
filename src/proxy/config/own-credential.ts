import { type Credential, type CredentialName, type Mesh, WORKLOAD_CREDENTIAL } from '../../model/index.ts'
import { credentialKey } from '../tls/listener-material.ts'
import type { MeshMaterial } from '../tls/mesh.ts'

/** The credentials that a proxy has, among them its own: what it proves itself with in the mesh. */
export interface OwnCredential {
  /** The proxy's own comes with all roots of the mesh, in place of the one that it was issued under. */
  readonly credential: (name: CredentialName) => Credential | undefined
  /** Absent: it has none yet, or is in no mesh. */
  readonly material: () => MeshMaterial | undefined
}

export function createOwnCredential(
  store: {
    readonly credential: (name: CredentialName) => Credential | undefined
    readonly mesh: () => Mesh | undefined
  },
  namespace: string,
): OwnCredential {
  const key = credentialKey(WORKLOAD_CREDENTIAL, namespace)
  let made:
    | { readonly from: Credential; readonly bundle: string; readonly credential: Credential }
    | undefined

  function credential(name: CredentialName): Credential | undefined {
    const from = store.credential(name)
    const bundle = store.mesh()?.trustBundle
    if (name !== key || from === undefined || bundle === undefined) return from
    if (made?.from !== from || made.bundle !== bundle)
      made = { from, bundle, credential: { ...from, trust: bundle } }
    return made.credential
  }

  return {
    credential,
    material() {
      const { certificate, trust } = credential(key) ?? {}
      return certificate === undefined || trust === undefined ? undefined : { certificate, trust }
    },
  }
}
