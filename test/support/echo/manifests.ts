import { ECHO_PORTS } from './protocol.ts'

/** The image that stands for the echo program. */
export const ECHO_IMAGE = 'test/echo'

/** `shop` is in the mesh, `guests` is not and asks other namespaces for what it needs. */
export const NAMESPACES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: guests, labels: { team: guests } }
`

interface EchoPod {
  readonly name: string
  readonly namespace: string
  readonly app: string
  readonly version: string
}

function deployment({ name, namespace, app, version }: EchoPod): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: ${app}, version: ${version} } }
  template:
    metadata:
      labels: { app: ${app}, version: ${version} }
      annotations: { traffic.sidecar.istio.io/excludeInboundPorts: '${ECHO_PORTS.control}' }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: echo
          image: ${ECHO_IMAGE}
          env: [{ name: VERSION, value: ${version} }]
          ports: [{ name: http, containerPort: ${ECHO_PORTS.http} }]
          readinessProbe: { tcpSocket: { port: ${ECHO_PORTS.control} }, periodSeconds: 1 }
`
}

function service(
  name: string,
  namespace: string,
  selector: string,
  ports = `{ name: http, port: 80, targetPort: ${ECHO_PORTS.http} }`,
): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: ${selector}, ports: [${ports}] }
`
}

const HTTP_TWICE = `{ name: http, port: 80, targetPort: ${ECHO_PORTS.http} }, { name: http-alt, port: 8080, targetPort: ${ECHO_PORTS.http} }`

export const APPLICATION = [
  deployment({ name: 'echo-v1', namespace: 'shop', app: 'echo', version: 'v1' }),
  deployment({ name: 'echo-v2', namespace: 'shop', app: 'echo', version: 'v2' }),
  deployment({ name: 'client', namespace: 'shop', app: 'client', version: 'v1' }),
  deployment({ name: 'guest', namespace: 'guests', app: 'guest', version: 'guest' }),
  service('echo', 'shop', '{ app: echo }', HTTP_TWICE),
  service('echo-v1', 'shop', '{ app: echo, version: v1 }'),
  service('echo-v2', 'shop', '{ app: echo, version: v2 }'),
  service('guest', 'guests', '{ app: guest }'),
  service('nobody', 'shop', '{ app: nobody }'),
  service('headless', 'shop', '{ app: echo }', '{ name: http, port: 8080 }').replace(
    'spec: {',
    'spec: { clusterIP: None,',
  ),
  service('unnamed', 'shop', '{ app: echo, version: v1 }', `{ port: 80, targetPort: ${ECHO_PORTS.http} }`),
  service(
    'opaque',
    'shop',
    '{ app: echo, version: v1 }',
    `{ name: tcp, port: 80, targetPort: ${ECHO_PORTS.http} }`,
  ),
  service('greeter', 'shop', '{ app: echo, version: v1 }', `{ port: ${ECHO_PORTS.greeter} }`),
  service('greeter-tcp', 'shop', '{ app: echo, version: v1 }', `{ name: tcp, port: ${ECHO_PORTS.greeter} }`),
].join('---')

/** Listeners for every way to allow routes. */
export const GATEWAYS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  gatewayClassName: istio
  listeners:
    - { name: open, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }
    - { name: same, port: 8081, protocol: HTTP }
    - name: labelled
      port: 8082
      protocol: HTTP
      allowedRoutes: { namespaces: { from: Selector, selector: { matchLabels: { team: guests } } } }
    - { name: wild, port: 8083, protocol: HTTP, hostname: '*.example.com' }
    - { name: exact, port: 8083, protocol: HTTP, hostname: www.example.com }
    - name: wrong-kind
      port: 8084
      protocol: HTTP
      allowedRoutes: { kinds: [{ kind: TLSRoute }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress, namespace: shop }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }]
`
