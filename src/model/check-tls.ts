import { type Check, filledText, list, object, oneOf, optional, union, when } from './check.ts'
import { origin } from './check-common.ts'
import type { Credential, CredentialHolder, CredentialReference } from './credential.ts'
import type {
  AcceptedClients,
  ClientCertificates,
  ListenerTls,
  ServerTrust,
  SubjectAltName,
  TlsDefaults,
  TlsVersion,
  UpstreamTls,
} from './tls.ts'

type Variant<T, Kind> = Extract<T, { readonly kind: Kind }>

const kind = filledText

const TLS_VERSIONS: { readonly [V in TlsVersion]: true } = {
  TLSv1: true,
  'TLSv1.1': true,
  'TLSv1.2': true,
  'TLSv1.3': true,
}
const version = oneOf(...Object.keys(TLS_VERSIONS))

export const credentialReference = object<CredentialReference>({
  source: oneOf('Secret', 'ConfigMap', 'Workload', 'File'),
  namespace: optional(filledText),
  name: filledText,
})
const references = list(credentialReference, { filled: true })

const texts = list(filledText, { filled: true })
const accepted = object<AcceptedClients>({
  names: optional(texts),
  certificateHashes: optional(texts),
  keyHashes: optional(texts),
})

export const tlsDefaults = object<TlsDefaults>({ ciphers: optional(texts), curves: optional(texts) })

const clients = union<ClientCertificates['kind']>('kind', {
  none: object({}),
  required: object<Variant<ClientCertificates, 'required'>>({
    kind,
    trust: references,
    accepted: optional(accepted),
  }),
  optional: object<Variant<ClientCertificates, 'optional'>>({
    kind,
    trust: references,
    accepted: optional(accepted),
  }),
  unverified: object({}),
})

export const listenerTls = union<ListenerTls['kind']>('kind', {
  passthrough: object({}),
  'auto-passthrough': object({}),
  terminate: object<Variant<ListenerTls, 'terminate'>>({
    kind,
    certificates: references,
    clients,
    minVersion: optional(version),
    maxVersion: optional(version),
    ciphers: optional(list(filledText, { filled: true })),
  }),
})

const subjectAltName = object<SubjectAltName>({ kind: oneOf('dns', 'uri', 'any'), value: filledText })

const trust = union<ServerTrust['kind']>('kind', {
  system: object({}),
  certificates: object<Variant<ServerTrust, 'certificates'>>({ kind, pem: filledText }),
  credential: object<Variant<ServerTrust, 'credential'>>({ kind, references }),
  anyone: object({}),
})

export const upstreamTls = union<UpstreamTls['kind']>('kind', {
  disabled: object({}),
  refused: object<Variant<UpstreamTls, 'refused'>>({ kind, reason: filledText }),
  mesh: object<Variant<UpstreamTls, 'mesh'>>({
    kind,
    serverName: optional(filledText),
    subjectAltNames: list(subjectAltName),
  }),
  originate: object<Variant<UpstreamTls, 'originate'>>({
    kind,
    serverName: optional(filledText),
    subjectAltNames: list(subjectAltName),
    trust,
    certificate: optional(credentialReference),
  }),
})

/** A message never quotes what it is about: it may be a private key. */
const secretText: Check = (value, path, report) => {
  if (typeof value !== 'string' || value === '') report({ path, message: 'must be a text that is not empty' })
}

export const checkCredential: Check = when(
  object<Credential>({
    type: oneOf('credential'),
    key: filledText,
    holders: list(
      object<CredentialHolder>({
        namespace: filledText,
        serviceAccounts: list(filledText, { filled: true }),
      }),
      { filled: true },
    ),
    certificate: optional(
      object<NonNullable<Credential['certificate']>>({ chain: secretText, privateKey: secretText }),
    ),
    trust: optional(secretText),
    revocations: optional(secretText),
    origin,
  }),
  (value, _path, report) => {
    const { certificate, trust: bundle } = value as Credential
    if (certificate === undefined && bundle === undefined)
      report({ path: 'certificate', message: 'must be given unless there is a trust' })
  },
)
