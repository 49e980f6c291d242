import { istiodName } from '../injection/index.ts'

/** The ConfigMap with the root certificate that every namespace gets; its key is `root-cert.pem`. */
export const ROOT_CERTIFICATE_CONFIG_MAP = 'istio-ca-root-cert'
export const ROOT_CERTIFICATE_KEY = 'root-cert.pem'

/** The Secret of the root that the control plane makes itself. */
export const SELF_SIGNED_SECRET = 'istio-ca-secret'
/** The Secret in which an operator plugs in a CA of their own. */
export const PLUGGED_IN_SECRET = 'cacerts'
/** The Secret in which replicas agree on which roots are believed, and until when. */
export const TRUST_RECORD_SECRET = 'istio-ca-trust'

/** The names under which clients reach the control plane: they are in its certificate. */
export function servingNames(options: {
  readonly revision: string
  readonly namespace: string
  readonly clusterDomain: string
}): readonly string[] {
  const { namespace, clusterDomain } = options
  const services = [
    istiodName(options.revision),
    'istiod-remote',
    'istio-pilot',
    'istiod-revision-tag-default',
  ]
  return [
    ...services.map((service) => `${service}.${namespace}.svc`),
    `${istiodName(options.revision)}.${namespace}.svc.${clusterDomain}`,
  ]
}
