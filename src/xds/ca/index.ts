/**
 * xds/ca: Istio's certificate service (istio.v1.auth.IstioCertificateService), both ends of it: a caller who proves by
 * its token who it is gets a certificate that says so.
 */
export {
  type CertificateAnswer,
  type CertificateOrder,
  requestCertificate,
  serveCertificates,
} from './service.ts'
