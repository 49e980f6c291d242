import { writePrivate } from './pki.ts'
import type { Pki } from './pki.ts'

/** Writes a kubeconfig with the administrator's certificate, readable by its owner alone. */
export function writeKubeconfig(options: {
  readonly path: string
  readonly pki: Pki
  /** `https://127.0.0.1:6443` */
  readonly server: string
  readonly name?: string
}): void {
  const name = options.name ?? 'lateen'
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  writePrivate(
    options.path,
    `apiVersion: v1
kind: Config
clusters:
- name: ${name}
  cluster:
    certificate-authority-data: ${base64(options.pki.caCertificate)}
    server: ${options.server}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(options.pki.admin.certificate)}
    client-key-data: ${base64(options.pki.admin.key)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
current-context: ${name}
`,
  )
}
