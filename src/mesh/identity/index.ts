/**
 * mesh/identity: who is who in the mesh. The signing authority and what it issues, the root certificate that every
 * namespace gets, and the recognition of callers by their ServiceAccount tokens.
 */
export { createTokenAuthenticator } from './authenticator.ts'
export { type AuthorityOptions, loadIssuer } from './authority.ts'
export { createCertificateService } from './certificate-service.ts'
export type { Issuer, KeyedCertificate } from './issuer.ts'
export { ROOT_CERTIFICATE_CONFIG_MAP, SELF_SIGNED_SECRET, servingNames } from './names.ts'
export { createRootCertificateController, type RootCertificateController } from './root-certificate.ts'
