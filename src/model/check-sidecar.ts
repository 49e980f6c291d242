import { type Check, filledText, list, object, oneOf, optional, port, text, union } from './check.ts'
import { domain, labels, milliseconds, origin } from './check-common.ts'
import { connections } from './check-connections.ts'
import { serviceTarget } from './check-route.ts'
import type {
  EgressListener,
  InboundBounds,
  IngressEndpoint,
  IngressListener,
  ScopedHosts,
  Sidecar,
} from './sidecar.ts'

type Endpoint<Kind> = Extract<IngressEndpoint, { readonly kind: Kind }>

const kind = filledText

const protocol = oneOf('http', 'http2', 'grpc', 'https', 'tls', 'tcp', 'udp', 'auto')

const egress = object<EgressListener>({
  port: optional(port),
  bind: optional(object<NonNullable<EgressListener['bind']>>({ address: filledText, port, protocol })),
  hosts: list(object<ScopedHosts>({ namespace: filledText, host: domain })),
})

const bounds = object<InboundBounds>({
  connections: optional(connections),
  connectTimeoutMs: optional(milliseconds),
})

const ingress = object<IngressListener>({
  port,
  protocol,
  bind: optional(filledText),
  bounds: optional(bounds),
  endpoint: union<IngressEndpoint['kind']>('kind', {
    dialled: object<Endpoint<'dialled'>>({ kind }),
    at: object<Endpoint<'at'>>({ kind, address: optional(filledText), port }),
    refused: object<Endpoint<'refused'>>({ kind, reason: text }),
  }),
})

export const checkSidecar: Check = object<Sidecar>({
  type: oneOf('sidecar'),
  key: filledText,
  scope: object<Sidecar['scope']>({ namespace: optional(filledText), labels }),
  createdAt: text,
  egress: list(egress, { filled: true }),
  ingress: list(ingress),
  inboundBounds: optional(bounds),
  outbound: optional(oneOf('allow-any', 'registry-only')),
  egressProxy: optional(serviceTarget),
  origin,
})
