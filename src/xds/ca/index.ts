/**
 * xds/ca: Istio's certificate service (istio.v1.auth.IstioCertificateService), both ends of it: a caller who proves by
 * its token, or by the certificate that it has, who it is gets a certificate that says so.
 */
export { credentialsOf, type PeerCredentials } from './credentials.ts'
export {
  type CertificateAnswer,
  type CertificateOrder,
  type CertificateRequest,
  requestCertificate,
  serveCertificates,
} from './service.ts'
