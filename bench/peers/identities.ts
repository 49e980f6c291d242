import { createTestAuthority } from '../../src/proxy/tls/testing/authority.ts'
import { CLIENT_URI, type Identities, type KeyFiles, SERVER_NAME, SERVER_URI } from './hop.ts'

/** Keys on P-256 and URIs as a mesh gives them. @param write puts a file beside the others */
export function makeIdentities(write: (name: string, text: string) => string): Identities {
  const authority = createTestAuthority('benchmark')
  const issue = (name: string, names: readonly string[]): KeyFiles => {
    const { chain, privateKey } = authority.issue(names)
    return {
      certificate: write(`${name}.crt`, chain),
      key: write(`${name}.key`, privateKey),
      both: write(`${name}.pem`, `${chain}${privateKey}`),
    }
  }
  try {
    return {
      authority: write('ca.crt', authority.certificate),
      client: issue('client', [CLIENT_URI]),
      server: issue('server', [SERVER_URI, SERVER_NAME]),
    }
  } finally {
    authority.close()
  }
}
