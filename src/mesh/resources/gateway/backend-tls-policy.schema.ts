import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object, rule, string, word } from '../schema.ts'
import {
  annotationValues,
  group,
  hostname,
  kind,
  localReference,
  objectName,
  policyStatus,
  preciseHostname,
  resource,
  sectionName,
  sectionRules,
  SUBDOMAIN,
} from './common.ts'
import { type GatewayApiEdition, gatewayKind, isExperimental, isNewer } from './edition.ts'

/** `System`, or a name that a controller knows. */
const WELL_KNOWN_PATTERN = `^(System|(${SUBDOMAIN}/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$`

export const backendTlsPolicy = (edition: GatewayApiEdition): KindDefinition => ({
  ...gatewayKind(edition),
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  shortNames: ['btlspolicy'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  versions: [
    { name: 'v1', storage: true },
    {
      name: 'v1alpha3',
      served: isExperimental(edition),
      hasStatus: isNewer(edition),
      hasColumns: false,
      deprecationWarning:
        'The v1alpha3 version of BackendTLSPolicy has been deprecated and will be removed in a future release of the API. Please upgrade to v1.',
    },
  ],
  columns: [AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          options: annotationValues,
          targetRefs: atomicList(
            object({ group, kind, name: objectName, sectionName }, { required: ['group', 'kind', 'name'] }),
            { minItems: 1, maxItems: 16, rules: sectionRules('target') },
          ),
          validation: backendTlsValidation(edition),
        },
        { required: ['targetRefs', 'validation'] },
      ),
      policyStatus,
    ),
})

/** How a backend's certificate is checked. */
export function backendTlsValidation(edition: GatewayApiEdition): StructuralSchema {
  const certificates = 'has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0'
  const wellKnown = 'has(self.wellKnownCACertificates) && self.wellKnownCACertificates != ""'
  return object(
    {
      caCertificateRefs: atomicList(localReference, { maxItems: 8 }),
      hostname: preciseHostname,
      subjectAltNames: atomicList(subjectAltName(), { maxItems: 5 }),
      wellKnownCACertificates: isNewer(edition)
        ? string({ minLength: 1, maxLength: 253, pattern: WELL_KNOWN_PATTERN })
        : word('System'),
    },
    {
      required: ['hostname'],
      rules: [
        rule(
          'must not contain both CACertificateRefs and WellKnownCACertificates',
          `!(${certificates} && ${wellKnown})`,
        ),
        rule(
          'must specify either CACertificateRefs or WellKnownCACertificates',
          `(${certificates} || ${wellKnown})`,
        ),
      ],
    },
  )
}

function subjectAltName(): StructuralSchema {
  const both = (type: string, member: string) => [
    rule(
      `SubjectAltName element must contain ${type}, if Type is set to ${type}`,
      `!(self.type == "${type}" && (!has(self.${member}) || self.${member} == ""))`,
    ),
    rule(
      `SubjectAltName element must not contain ${type}, if Type is not set to ${type}`,
      `!(self.type != "${type}" && has(self.${member}) && self.${member} != "")`,
    ),
  ]
  return object(
    {
      hostname,
      type: word('Hostname', 'URI'),
      uri: string({
        minLength: 1,
        maxLength: 253,
        pattern: String.raw`^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?`,
      }),
    },
    { required: ['type'], rules: [...both('Hostname', 'hostname'), ...both('URI', 'uri')] },
  )
}
