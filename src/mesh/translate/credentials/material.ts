import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { ConfigMap, Secret } from '../../../kube/index.ts'
import { type Credential, credentialName, type CredentialName } from '../../../model/index.ts'
import { namespaceOf } from '../names.ts'

/** What a Secret or ConfigMap holds for TLS, and what is wrong with it. Messages never quote the material. */
export interface Material {
  readonly key: CredentialName
  readonly namespace: string
  readonly name: string
  readonly certificate: Credential['certificate']
  /** What the certificate is for: DNS names, lower case. */
  readonly names: readonly string[]
  readonly trust: string | undefined
  readonly revocations: string | undefined
  /** Why there is no certificate. */
  readonly certificateProblem: string | undefined
  /** Why there is no trust. */
  readonly trustProblem: string | undefined
}

export function secretMaterial(secret: Secret): Material {
  const { name } = secret.metadata
  const namespace = namespaceOf(secret)
  const { data = {} } = secret
  const chain = textOf(data['tls.crt'] ?? data['cert'])
  const privateKey = textOf(data['tls.key'] ?? data['key'])
  const certificateProblem = pairProblem(chain, privateKey)
  return {
    key: credentialName('Secret', namespace, name),
    namespace,
    name,
    certificate: certificateProblem === undefined ? { chain, privateKey } : undefined,
    names: certificateProblem === undefined ? namesOf(chain) : [],
    certificateProblem,
    ...trustOf(textOf(data['ca.crt'] ?? data['cacert']), textOf(data['ca.crl'])),
  }
}

export function configMapMaterial(configMap: ConfigMap): Material {
  const { name } = configMap.metadata
  const namespace = namespaceOf(configMap)
  return {
    key: credentialName('ConfigMap', namespace, name),
    namespace,
    name,
    certificate: undefined,
    names: [],
    certificateProblem: 'a ConfigMap holds no certificate of a server',
    ...trustOf(configMap.data?.['ca.crt'] ?? '', ''),
  }
}

function textOf(base64: string | undefined): string {
  return base64 === undefined ? '' : Buffer.from(base64, 'base64').toString('utf8')
}

/** With revocation lists that cannot be read nobody is believed: the one who must not be may be on them. */
function trustOf(
  text: string,
  revocations: string,
): Pick<Material, 'trust' | 'trustProblem' | 'revocations'> {
  const problem = trustProblemOf(text, revocations)
  if (problem !== undefined) return { trust: undefined, revocations: undefined, trustProblem: problem }
  return { trust: text, revocations: revocations === '' ? undefined : revocations, trustProblem: undefined }
}

function trustProblemOf(text: string, revocations: string): string | undefined {
  if (text === '') return 'it has no ca.crt'
  const problem = certificatesProblem(text)
  if (problem !== undefined) return `its ca.crt ${problem}`
  if (revocations === '' || REVOCATIONS.test(revocations)) return undefined
  return 'its ca.crl holds no revocation list in PEM'
}

const REVOCATIONS = /-----BEGIN X509 CRL-----[\s\S]+?-----END X509 CRL-----/

function pairProblem(chain: string, privateKey: string): string | undefined {
  if (chain === '') return 'it has no tls.crt'
  if (privateKey === '') return 'it has no tls.key'
  const problem = certificatesProblem(chain)
  if (problem !== undefined) return `its tls.crt ${problem}`
  try {
    const key = createPrivateKey(privateKey)
    return new X509Certificate(chain).checkPrivateKey(key)
      ? undefined
      : 'its tls.key does not belong to its tls.crt'
  } catch {
    return 'its tls.key is no private key in PEM without a passphrase'
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

function certificatesProblem(text: string): string | undefined {
  const blocks = text.match(CERTIFICATE)
  if (blocks === null) return 'holds no certificate in PEM'
  const broken = blocks.findIndex((block) => !isCertificate(block))
  return broken < 0 ? undefined : `holds a certificate (number ${broken + 1}) that cannot be read`
}

function namesOf(chain: string): readonly string[] {
  const { subjectAltName = '' } = new X509Certificate(chain)
  return subjectAltName
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice('DNS:'.length).toLowerCase()] : []))
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    return false
  }
}
