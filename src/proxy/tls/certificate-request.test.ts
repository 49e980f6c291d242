import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { certificateRequest } from './certificate-request.ts'

test('OpenSSL reads the request, finds it signed by its own key, and sees no name in it', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const out = execFileSync('openssl', ['req', '-verify', '-noout', '-subject', '-pubkey'], {
    input: certificateRequest(key),
    stdio: ['pipe', 'pipe', 'pipe'],
  }).toString()
  assert.match(out, /^subject=\s*$/m)
  assert.ok(out.includes(key.publicKey.export({ type: 'spki', format: 'pem' }).toString().trim()))
})
