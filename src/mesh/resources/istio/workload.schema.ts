/** ServiceEntry, WorkloadEntry and WorkloadGroup: what is in the mesh without being a pod or a Service. */
import type { StructuralSchema, ValidationRule } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { atMostOneOf, integer, keyedList, list, map, object, rule, string, word } from '../schema.ts'
import { checkedPort, ISTIO_KIND, resource, strings, uint32, workloadLabels } from './common.ts'

const ADDRESS_OR_NETWORK = rule('Address is required', 'has(self.address) || has(self.network)')
const SOCKET_WITHOUT_PORTS = rule(
  'UDS may not include ports',
  '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true',
)

export const SERVICE_ENTRY: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  shortNames: ['se'],
  columns: [
    { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' },
    { name: 'Location', type: 'string', jsonPath: '.spec.location' },
    { name: 'Resolution', type: 'string', jsonPath: '.spec.resolution' },
    AGE_COLUMN,
  ],
  schema: () => resource(serviceEntrySpec(), true),
}

export const WORKLOAD_ENTRY: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  shortNames: ['we'],
  columns: [AGE_COLUMN, { name: 'Address', type: 'string', jsonPath: '.spec.address' }],
  schema: () => resource(workload([ADDRESS_OR_NETWORK, SOCKET_WITHOUT_PORTS]), true),
}

export const WORKLOAD_GROUP: KindDefinition = {
  ...ISTIO_KIND,
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  shortNames: ['wg'],
  columns: [AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          metadata: object({
            annotations: map(string(), { maxProperties: 256 }),
            labels: map(string(), { maxProperties: 256 }),
          }),
          probe: probe(),
          template: workload([SOCKET_WITHOUT_PORTS]),
        },
        { required: ['template'] },
      ),
      true,
    ),
}

function workload(rules: readonly ValidationRule[]): StructuralSchema {
  return object(
    {
      address: string({
        maxLength: 256,
        rules: [
          rule(
            'UDS must be an absolute path or abstract socket',
            'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true',
          ),
          rule('UDS may not be a dir', 'self.startsWith("unix://") ? !self.endsWith("/") : true'),
        ],
      }),
      labels: map(string(), { maxProperties: 256 }),
      locality: string({ maxLength: 2048 }),
      network: string({ maxLength: 2048 }),
      ports: map(checkedPort, {
        maxProperties: 128,
        rules: [
          rule(
            'port name must be valid',
            'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))',
          ),
        ],
      }),
      serviceAccount: string({ maxLength: 253 }),
      weight: uint32,
    },
    { rules },
  )
}

function serviceEntrySpec(): StructuralSchema {
  const port = object(
    {
      name: string({ maxLength: 256 }),
      number: checkedPort,
      protocol: string({ maxLength: 256 }),
      targetPort: checkedPort,
    },
    { required: ['number', 'name'] },
  )
  return object(
    {
      addresses: list(string({ maxLength: 64 }), { maxItems: 256 }),
      endpoints: list(workload([ADDRESS_OR_NETWORK, SOCKET_WITHOUT_PORTS]), { maxItems: 4096 }),
      exportTo: strings,
      hosts: list(string({ rules: [rule('hostname cannot be wildcard', 'self != "*"')] }), {
        minItems: 1,
        maxItems: 256,
      }),
      location: word('MESH_EXTERNAL', 'MESH_INTERNAL'),
      ports: keyedList('name', port, {
        maxItems: 256,
        rules: [
          rule(
            'port number cannot be duplicated',
            'self.all(l1, self.exists_one(l2, l1.number == l2.number))',
          ),
        ],
      }),
      resolution: word('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
      subjectAltNames: strings,
      workloadSelector: workloadLabels,
    },
    {
      required: ['hosts'],
      rules: [
        rule(
          'only one of WorkloadSelector or Endpoints can be set',
          '(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1',
        ),
        rule(
          'CIDR addresses are allowed only for NONE/STATIC resolution types',
          '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && !((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))',
        ),
        rule(
          'NONE mode cannot set endpoints',
          '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true',
        ),
        rule(
          'DNS_ROUND_ROBIN mode cannot have multiple endpoints',
          '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true',
        ),
      ],
    },
  )
}

function probe(): StructuralSchema {
  const seconds = integer({ format: 'int32', minimum: 0 })
  return object(
    {
      exec: object({ command: list(string({ minLength: 1 })) }, { required: ['command'] }),
      failureThreshold: seconds,
      grpc: object({ port: checkedPort, service: string() }),
      httpGet: object(
        {
          host: string(),
          httpHeaders: list(object({ name: string({ pattern: '^[-_A-Za-z0-9]+$' }), value: string() })),
          path: string(),
          port: checkedPort,
          scheme: string({
            rules: [rule('scheme must be one of [HTTP, HTTPS]', 'self in ["", "HTTP", "HTTPS"]')],
          }),
        },
        { required: ['port'] },
      ),
      initialDelaySeconds: seconds,
      periodSeconds: seconds,
      successThreshold: seconds,
      tcpSocket: object({ host: string(), port: checkedPort }, { required: ['port'] }),
      timeoutSeconds: seconds,
    },
    atMostOneOf('httpGet', 'tcpSocket', 'exec', 'grpc'),
  )
}
