/** For tests of this folder: authorities and certificates, made by openssl. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface KeyPair {
  readonly chain: string
  readonly privateKey: string
}

/** Signs certificates for names, each a DNS name or a URI. */
export interface TestAuthority {
  readonly certificate: string
  readonly issue: (names: readonly string[], options?: { readonly isRsa?: boolean }) => KeyPair
  /** Signs the public key of a request (PEM), for a day. @returns the certificate alone */
  readonly sign: (csr: string, names: readonly string[]) => string
  /** A list with these certificates on it, in PEM. */
  readonly revoke: (pairs: readonly KeyPair[]) => string
  readonly close: () => void
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const RSA = ['-newkey', 'rsa:2048']

export function createTestAuthority(name = 'test authority'): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-tls-'))
  const at = (file: string): string => join(folder, file)
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const files = ['-keyout', at('ca.key'), '-out', at('ca.crt')]
  openssl('req', '-x509', ...EC, '-nodes', ...files, '-subj', `/CN=${name}`, '-days', '2')
  let issued = 0

  function signed(id: string, names: readonly string[]): string {
    const alternative = names.map((one) => (one.includes('://') ? `URI:${one}` : `DNS:${one}`)).join(',')
    writeFileSync(at(`${id}.ext`), `subjectAltName=${alternative}\n`)
    const authority = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial']
    const output = ['-out', at(`${id}.crt`), '-days', '1', '-extfile', at(`${id}.ext`)]
    openssl('x509', '-req', '-in', at(`${id}.csr`), ...authority, ...output)
    return readFileSync(at(`${id}.crt`), 'utf8')
  }

  return {
    certificate: readFileSync(at('ca.crt'), 'utf8'),
    issue(names, options = {}) {
      const id = `leaf-${++issued}`
      const request = ['-keyout', at(`${id}.key`), '-out', at(`${id}.csr`)]
      const subject = `/O=Lateen, tests/CN=${(names[0] ?? 'none').replaceAll('/', '_')}`
      openssl('req', '-new', ...(options.isRsa ? RSA : EC), '-nodes', ...request, '-subj', subject)
      return {
        chain: signed(id, names),
        privateKey: readFileSync(at(`${id}.key`), 'utf8'),
      }
    },
    sign(csr, names) {
      const id = `leaf-${++issued}`
      writeFileSync(at(`${id}.csr`), csr)
      return signed(id, names)
    },
    revoke(pairs) {
      const config = `[ca]\ndefault_ca=own\n[own]\ndatabase=${at('index')}\ndefault_md=sha256\ndefault_crl_days=2\n`
      writeFileSync(at('ca.cnf'), config)
      writeFileSync(at('index'), '')
      const authority = ['-config', at('ca.cnf'), '-cert', at('ca.crt'), '-keyfile', at('ca.key')]
      for (const { chain } of pairs) {
        writeFileSync(at('revoked.crt'), chain)
        openssl('ca', ...authority, '-revoke', at('revoked.crt'))
      }
      openssl('ca', ...authority, '-gencrl', '-out', at('ca.crl'))
      return readFileSync(at('ca.crl'), 'utf8')
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}
