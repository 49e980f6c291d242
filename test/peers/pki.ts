/** What the tests of this folder share: identities of our authority, and a client in plain text. */
import assert from 'node:assert/strict'
import { get } from 'node:http'
import type { KeyedCertificate } from '../../src/mesh/identity/index.ts'
import { createIssuer } from '../../src/mesh/identity/issuer.ts'
import { readAuthority } from '../../src/mesh/identity/signing-authority.ts'
import { cacerts, testIdentity, testIntermediate, testRoot } from '../../src/mesh/identity/testing.ts'

export const SERVER = 'spiffe://cluster.local/ns/demo/sa/server'
export const CLIENT = 'spiffe://cluster.local/ns/demo/sa/client'

export interface Pki {
  readonly roots: string
  readonly server: KeyedCertificate
  readonly client: KeyedCertificate
  /** Of another authority, with the client's name. */
  readonly stranger: KeyedCertificate
}

/** Below an intermediate, as a plugged-in CA is: a peer has to build the chain. */
export async function makePki(): Promise<Pki> {
  const now = Date.now()
  const issuerOf = async (name: string) => {
    const root = await testRoot(name, 48 * 3600_000, now)
    const ca = await testIntermediate(`${name} ca`, root, 24 * 3600_000, now)
    const read = readAuthority(cacerts(ca, [root], [ca]), now)
    assert.ok(read.ok)
    return { root, issuer: await createIssuer(read.value, Date.now) }
  }
  const [{ root, issuer }, other] = [await issuerOf('mesh'), await issuerOf('elsewhere')]
  const server = await testIdentity(issuer, SERVER)
  const client = await testIdentity(issuer, CLIENT)
  return { roots: root.certificate, server, client, stranger: await testIdentity(other.issuer, CLIENT) }
}

/** @returns what is answered at `/` */
export function pageOf(port: number): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = get({ host: '127.0.0.1', port, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    outgoing.on('error', reject)
  })
}
