import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type {
  Container,
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  IntOrString,
  TCPSocketAction,
} from '../../../kube/index.ts'
import { checkGrpcHealth } from './grpc-health.ts'
import type { ProbeOutcome } from './outcome.ts'

/** What a probe or a lifecycle hook asks for. */
export interface ProbeAction {
  readonly exec?: ExecAction
  readonly httpGet?: HTTPGetAction
  readonly tcpSocket?: TCPSocketAction
  readonly grpc?: GRPCAction
}

export interface ProbeTarget {
  readonly container: Container
  readonly podIp: string
  readonly exec: (
    command: readonly string[],
    timeoutMs: number,
  ) => Promise<{ readonly exitCode: number; readonly output: string }>
}

/** Does it once. Never rejects: whatever goes wrong is the probe's failure. */
export async function runAction(
  action: ProbeAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  if (action.httpGet) return httpGet(action.httpGet, target, timeoutMs)
  if (action.tcpSocket) return tcpConnect(action.tcpSocket, target, timeoutMs)
  if (action.grpc) {
    const { port, service = '' } = action.grpc
    return checkGrpcHealth({ address: `${target.podIp}:${port}`, service, timeoutMs })
  }
  if (action.exec) {
    const { exitCode, output } = await target.exec(action.exec.command ?? [], timeoutMs)
    return exitCode === 0
      ? { ok: true }
      : { ok: false, message: output.trim() || `command exited with ${exitCode}` }
  }
  return { ok: true }
}

/** @returns undefined when the container has no port of that name */
export function resolvePort(container: Container, port: IntOrString): number | undefined {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  return container.ports?.find(({ name }) => name === port)?.containerPort
}

function httpGet(action: HTTPGetAction, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  const port = resolvePort(target.container, action.port)
  if (port === undefined)
    return Promise.resolve({ ok: false, message: `couldn't find port "${action.port}" in the container` })
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host
  const secure = action.scheme === 'HTTPS'
  const path = (action.path ?? '/').startsWith('/') ? (action.path ?? '/') : `/${action.path ?? ''}`
  const headers: Record<string, string> = {
    'user-agent': 'kube-probe/1.35',
    accept: '*/*',
    connection: 'close',
  }
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`
  const call = secure ? httpsRequest : httpRequest
  return new Promise((resolve) => {
    // Kubernetes does not check the certificate of a probed port either.
    const request = call(
      { host, port, path, headers, agent: false, rejectUnauthorized: false },
      (response) => {
        const { statusCode = 0 } = response
        response.destroy()
        if (statusCode >= 200 && statusCode < 400) resolve({ ok: true })
        else resolve({ ok: false, message: `HTTP probe failed with statuscode: ${statusCode}` })
      },
    )
    const timer = setTimeout(() => {
      resolve({
        ok: false,
        message: `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      })
      request.destroy()
    }, timeoutMs)
    request.on('close', () => clearTimeout(timer))
    request.on('error', (error) =>
      resolve({ ok: false, message: `Get "${url}": ${dialError(error, host, port)}` }),
    )
    request.end()
  })
}

function tcpConnect(action: TCPSocketAction, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  const port = resolvePort(target.container, action.port)
  if (port === undefined)
    return Promise.resolve({ ok: false, message: `couldn't find port "${action.port}" in the container` })
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs })
    const finish = (outcome: ProbeOutcome) => {
      resolve(outcome)
      socket.destroy()
    }
    socket.on('connect', () => finish({ ok: true }))
    socket.on('timeout', () => finish({ ok: false, message: `dial tcp ${host}:${port}: i/o timeout` }))
    socket.on('error', (error) => finish({ ok: false, message: dialError(error, host, port) }))
  })
}

/** In Go's words, which people search for. */
function dialError(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`
  return error.message
}
