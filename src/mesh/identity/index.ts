/**
 * mesh/identity: who is who in the mesh. The signing authority and what it issues, the roots that are believed and how they
 * change, the root certificate that every namespace gets, and the recognition of callers by their certificates and
 * ServiceAccount tokens. Private keys of workloads never come here: they send requests.
 */
export { createAuthenticator } from './authenticator.ts'
export {
  type AuthorityOptions,
  type CertificateAuthority,
  type CertificateLifetimes,
  createCertificateAuthority,
  DEFAULT_LIFETIMES,
} from './authority.ts'
export { type CertificateEvent, createCertificateService } from './certificate-service.ts'
export type { Issuer, KeyedCertificate } from './issuer.ts'
export {
  ROOT_CERTIFICATE_CONFIG_MAP,
  SELF_SIGNED_SECRET,
  servingNames,
  TRUST_RECORD_SECRET,
} from './names.ts'
export { createRootCertificateController, type RootCertificateController } from './root-certificate.ts'
export { createServingCertificate, type ServingCertificate } from './serving-certificate.ts'
