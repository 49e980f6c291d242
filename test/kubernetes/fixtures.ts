import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/index.ts'
import { createPki, type Pki } from '../../src/local-cluster/apiserver/index.ts'
import { hookManifests } from './hooks.ts'

/** The files that command lines of the table name. @returns the certificates of which some are */
export async function writeFixtures(directory: string): Promise<Pki> {
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text)
  const pki = await createPki({ directory: join(directory, 'pki'), clock: systemClock })
  write('tls.crt', pki.server.certificate)
  write('tls.key', pki.server.key)
  write('words.txt', 'one\ntwo\n')
  write('binary.bin', '\u0000\u0001')
  write('settings.env', 'COLOR=red\n# a comment\nSIZE=10\n')
  write('bad.env', 'this line is no setting\n')
  write('not-yaml.yaml', 'kind: [unclosed\n')
  write('hooks.yaml', hookManifests(pki.caCertificate))
  return pki
}
