export function nginxFile(folder: string, ports: readonly number[]): string {
  const listen = ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  server { ${listen} location / { return 200 "${'x'.repeat(1023)}\\n"; } }
}
`
}

export function gatewayFile(port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ['*'] }]
`
}

export function backendFile(ports: readonly number[]): string {
  const endpoints = ports.map((port) => `{ address: 127.0.0.1, ports: { http: ${port} } }`)
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: backend }
spec:
  hosts: [backend.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [${endpoints.join(', ')}]
`
}

/** The same for every request, in other words each time. */
export function routesFile(change: number): string {
  const first = change % 2 === 0 ? 50 : 90
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: ['*']
  gateways: [edge]
  http:
    - match: [{ uri: { prefix: /change-${change} } }]
      directResponse: { status: 404 }
    - headers: { request: { set: { x-change: "${change}" } } }
      route:
        - { destination: { host: backend.example, port: { number: 80 } }, weight: ${first} }
        - { destination: { host: backend.example }, weight: ${100 - first} }
`
}
