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
import { dialError, httpGet } from './http-get.ts'
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
  ) => Promise<{ readonly exitCode: number; readonly output: string; readonly isTimeout: boolean }>
}

/** Does it once. Never rejects: whatever goes wrong is the probe's failure. */
export async function runAction(
  action: ProbeAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  if (action.httpGet) {
    const { httpGet: get } = action
    const port = resolvePort(target.container, get.port)
    if (port === undefined) return unknownPort(get.port)
    return httpGet(get, { host: hostOf(get.host, target), port, timeoutMs })
  }
  if (action.tcpSocket) return tcpConnect(action.tcpSocket, target, timeoutMs)
  if (action.grpc) {
    const { port, service = '' } = action.grpc
    return checkGrpcHealth({ address: `${target.podIp}:${port}`, service, timeoutMs })
  }
  if (action.exec) {
    const { exitCode, output, isTimeout } = await target.exec(action.exec.command ?? [], timeoutMs)
    if (isTimeout) {
      const words = JSON.stringify((action.exec.command ?? []).join(' '))
      return { ok: false, message: `command timed out: ${words} timed out after ${timeoutMs / 1000}s` }
    }
    return exitCode === 0 ? { ok: true } : { ok: false, message: output }
  }
  return { ok: true }
}

/** @returns undefined when the container has no port of that name */
function resolvePort(container: Container, port: IntOrString): number | undefined {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  return container.ports?.find(({ name }) => name === port)?.containerPort
}

function tcpConnect(action: TCPSocketAction, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  const port = resolvePort(target.container, action.port)
  if (port === undefined) return Promise.resolve(unknownPort(action.port))
  const host = hostOf(action.host, target)
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

function unknownPort(port: IntOrString): ProbeOutcome {
  return { ok: false, message: `couldn't find port: "${port}"` }
}

function hostOf(host: string | undefined, target: ProbeTarget): string {
  return host === undefined || host === '' ? target.podIp : host
}
