import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object, rule, string, word } from '../schema.ts'
import {
  annotationValues,
  conditions,
  controllerName,
  GATEWAY_KIND,
  group,
  hostname,
  kind,
  localReference,
  objectName,
  parentReference,
  preciseHostname,
  resource,
  sectionName,
  sectionRules,
} from './common.ts'

export const BACKEND_TLS_POLICY: KindDefinition = {
  ...GATEWAY_KIND,
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  shortNames: ['btlspolicy'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  versions: [
    { name: 'v1', storage: true },
    {
      name: 'v1alpha3',
      served: false,
      hasStatus: false,
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
          validation: validation(),
        },
        { required: ['targetRefs', 'validation'] },
      ),
      object(
        {
          ancestors: atomicList(
            object(
              { ancestorRef: parentReference, conditions: conditions({ filled: true }), controllerName },
              { required: ['ancestorRef', 'conditions', 'controllerName'] },
            ),
            { maxItems: 16 },
          ),
        },
        { required: ['ancestors'] },
      ),
    ),
}

function validation(): StructuralSchema {
  const certificates = 'has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0'
  const wellKnown = 'has(self.wellKnownCACertificates) && self.wellKnownCACertificates != ""'
  return object(
    {
      caCertificateRefs: atomicList(localReference, { maxItems: 8 }),
      hostname: preciseHostname,
      subjectAltNames: atomicList(subjectAltName(), { maxItems: 5 }),
      wellKnownCACertificates: word('System'),
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
