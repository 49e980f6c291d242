import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atomicList, object, rule, string, word } from '../schema.ts'
import { backendTlsValidation } from './backend-tls-policy.schema.ts'
import {
  conditions,
  controllerName,
  parentReference,
  portNumber,
  preciseHostname,
  resource,
  secretReference,
} from './common.ts'
import { experimentalKind, type GatewayApiEdition } from './edition.ts'

/** A destination of routes that is not a Service. */
export const backend = (edition: GatewayApiEdition): KindDefinition => ({
  ...experimentalKind(edition),
  kind: 'XBackend',
  plural: 'xbackends',
  shortNames: ['xbackend'],
  columns: [AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          externalHostname: externalHostname(),
          port: port(),
          protocol: word('TCP', 'HTTP', 'HTTP2', 'HTTP11', 'H2C', 'MCP'),
          tls: tls(edition),
          type: word('ExternalHostname'),
        },
        {
          required: ['port', 'type'],
          rules: [
            rule(
              'externalHostname must be set when type is ExternalHostname and must be unset otherwise',
              "self.type == 'ExternalHostname' ? has(self.externalHostname) : !has(self.externalHostname)",
            ),
          ],
        },
      ),
      status(),
    ),
})

function externalHostname(): StructuralSchema {
  const outside = rule(
    'hostname must not be an IP address or end with .cluster.local',
    "!self.endsWith('.cluster.local')",
  )
  return object(
    { hostname: { ...preciseHostname, 'x-kubernetes-validations': [outside] } },
    { required: ['hostname'] },
  )
}

function port(): StructuralSchema {
  const label = rule(
    'Name must be a valid DNS label',
    'size(self) == 0 || format.dns1123Label().validate(self) == null',
  )
  return object({ name: string({ maxLength: 63, rules: [label] }), port: portNumber }, { required: ['port'] })
}

function tls(edition: GatewayApiEdition): StructuralSchema {
  return object(
    {
      clientCertificateRef: secretReference,
      mode: word('None', 'ServerOnly', 'ClientAndServer'),
      validation: backendTlsValidation(edition),
    },
    {
      required: ['mode'],
      rules: [
        rule(
          'clientCertificateRef must be set if and only if mode is ClientAndServer',
          "self.mode == 'ClientAndServer' ? has(self.clientCertificateRef) : !has(self.clientCertificateRef)",
        ),
      ],
    },
  )
}

function status(): StructuralSchema {
  const parent = object(
    { conditions: conditions({ isUnbounded: true }), controllerName, parentRef: parentReference },
    { required: ['controllerName', 'parentRef'] },
  )
  return object({ parents: atomicList(parent, { maxItems: 32 }) })
}
