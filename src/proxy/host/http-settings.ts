import { parseDurationMs } from '../../base/index.ts'
import { type CertificateForwarding, HTTP_SETTINGS, type HttpSettings } from '../exchange/rules.ts'

type Fields = Readonly<Record<string, unknown>>

const CERTIFICATE_FORWARDING: Readonly<Record<string, CertificateForwarding>> = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward-only',
  APPEND_FORWARD: 'append-forward',
  SANITIZE_SET: 'sanitize-set',
  ALWAYS_FORWARD_ONLY: 'always-forward-only',
}

/**
 * What ProxyConfig says of fields: `proxyHeaders`, and for gateways `gatewayTopology`. What it does not say, or says in
 * a way that is not understood, is as Istio has it.
 * @param environment of which it reads ISTIO_META_IDLE_TIMEOUT, such as `30s`, and ISTIO_META_HTTP10, which is `1`
 */
export function readHttpSettings(
  config: Fields,
  role: 'sidecar' | 'router',
  environment: Readonly<Record<string, string | undefined>> = {},
): HttpSettings {
  const idleTimeoutMs = parseDurationMs(environment['ISTIO_META_IDLE_TIMEOUT'] ?? '') ?? 0
  const headers = fieldsOf(config['proxyHeaders'])
  const topology = role === 'router' ? fieldsOf(config['gatewayTopology']) : {}
  const forwarding = role === 'router' ? topology['forwardClientCertDetails'] : headers['forwardedClientCert']
  const clientCertificate = typeof forwarding === 'string' ? CERTIFICATE_FORWARDING[forwarding] : undefined
  const trusted = topology['numTrustedProxies']
  const server = serverOf(fieldsOf(headers['server']))
  return {
    ...HTTP_SETTINGS,
    acceptHttp10: environment['ISTIO_META_HTTP10'] === '1',
    trustedProxies: Number.isSafeInteger(trusted) && Number(trusted) > 0 ? Number(trusted) : 0,
    requestId: !isDisabled(headers['requestId']),
    attemptCount: !isDisabled(headers['attemptCount']),
    debugFields: !isDisabled(headers['envoyDebugHeaders']),
    forwardedHost: fieldsOf(headers['xForwardedHost'])['enabled'] === true,
    forwardedPort: fieldsOf(headers['xForwardedPort'])['enabled'] === true,
    idleTimeoutMs: idleTimeoutMs > 0 ? idleTimeoutMs : HTTP_SETTINGS.idleTimeoutMs,
    keepsCase: headers['preserveHttp1HeaderCase'] === true,
    ...(clientCertificate && { clientCertificate }),
    ...(server && { server }),
  }
}

function serverOf(server: Fields): HttpSettings['server'] {
  if (server['disabled'] === true) return { kind: 'upstream' }
  const name = server['value']
  // A line end would begin another field.
  return typeof name === 'string' && /^[\x20-\x7e]+$/.test(name)
    ? { kind: 'named', name }
    : HTTP_SETTINGS.server
}

function isDisabled(value: unknown): boolean {
  return fieldsOf(value)['disabled'] === true
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}
