import type { Socket } from 'node:net'
import { unreachable } from '../../base/index.ts'
import type { HealthCheck } from '../../model/index.ts'
import type { ProxyThread, WorkCounter } from '../exchange/types.ts'
import { createHttp2Client, type Http2ClientHandle } from '../http2/client.ts'
import type { Stream, StreamEvents } from '../http2/types.ts'
import type { OnRead } from '../net/network.ts'
import { readyEvent } from '../tls/client.ts'
import type { Probe, ProbeOutcome } from './health.ts'

/** What can be asked. */
export interface Probed {
  readonly address: string
  /** Connects; the connection is not one of those for requests. */
  readonly openProbe: (protocol: 'h2' | 'http/1.1' | undefined, onread: OnRead) => Socket
}

type HttpProbe = Extract<HealthCheck['probe'], { kind: 'http' }>
type Done = (outcome: ProbeOutcome) => void

interface ProbeSettings {
  readonly thread: ProxyThread
  readonly work: WorkCounter
  /** Whether hosts speak HTTP/2. */
  readonly usesHttp2: () => boolean
}

/** Each look is a connection of its own: it shows that the host still takes connections. */
export function createProbe(policy: HealthCheck, settings: ProbeSettings): Probe<Probed> {
  const { probe } = policy
  switch (probe.kind) {
    case 'tcp':
      return probeTcp(settings)
    case 'http':
      return (host, done) =>
        settings.usesHttp2()
          ? askHttp2(host, settings, httpQuestion(probe, host, done))
          : askHttp1(host, settings, { probe, done })
    case 'grpc':
      return (host, done) => askHttp2(host, settings, grpcQuestion(probe.service, host, done))
    default:
      return unreachable(probe)
  }
}

function probeTcp({ thread }: ProbeSettings): Probe<Probed> {
  return (host, done) => {
    const socket = host.openProbe(undefined, { buffer: thread.readBuffer, callback: () => true })
    socket.on('error', () => {})
    socket.on('close', () => done('silent'))
    socket.once(readyEvent(socket), () => {
      done('healthy')
      socket.destroy()
    })
    return () => socket.destroy()
  }
}

/** `HTTP/1.1 200` */
const STATUS_BYTES = 12

function askHttp1(
  host: Probed,
  { thread, work }: ProbeSettings,
  question: { readonly probe: HttpProbe; readonly done: Done },
): () => void {
  const { probe, done } = question
  let answer = ''
  const socket = host.openProbe('http/1.1', {
    buffer: thread.readBuffer,
    callback(bytes, buffer) {
      work.events++
      answer += (buffer as Buffer).toString('latin1', 0, Math.min(bytes, STATUS_BYTES))
      if (answer.length < STATUS_BYTES) return true
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0)
      done(outcomeOf(status, probe))
      socket.destroy()
      return false
    },
  })
  socket.on('error', () => {})
  socket.on('close', () => done('silent'))
  socket.once(readyEvent(socket), () => {
    const { path, host: authority = host.address } = probe
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: ${USER_AGENT}\r\nconnection: close\r\n\r\n`,
    )
  })
  return () => socket.destroy()
}

/** Applications leave it out of their logs by this name. */
const USER_AGENT = 'Envoy/HC'

/** No status at all is no answer of HTTP. */
function outcomeOf(status: number, probe: HttpProbe): ProbeOutcome {
  if (status === 0) return 'silent'
  return probe.statuses.some(({ from, to }) => status >= from && status <= to) ? 'healthy' : 'sick'
}

interface Question {
  readonly method: string
  readonly path: string
  readonly authority: string
  readonly lines: string
  readonly body: Buffer | undefined
  readonly done: Done
  /** @param body what has come of it, up to a bound */
  readonly judge: (status: number, body: Buffer) => ProbeOutcome
}

function httpQuestion(probe: HttpProbe, host: Probed, done: Done): Question {
  return {
    method: 'GET',
    path: probe.path,
    authority: probe.host ?? host.address,
    lines: `user-agent: ${USER_AGENT}\r\n`,
    body: undefined,
    done,
    judge: (status) => outcomeOf(status, probe),
  }
}

/** @see gRPC health checking protocol: `grpc.health.v1.Health/Check` */
function grpcQuestion(service: string, host: Probed, done: Done): Question {
  return {
    method: 'POST',
    path: '/grpc.health.v1.Health/Check',
    authority: host.address,
    lines: `content-type: application/grpc\r\nte: trailers\r\nuser-agent: ${USER_AGENT}\r\n`,
    body: grpcRequest(service),
    done,
    judge: (status, body) => (status === 200 && isServing(body) ? 'healthy' : 'sick'),
  }
}

/** A message of gRPC: not compressed, its length, and `HealthCheckRequest.service` (field 1). */
function grpcRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  return Buffer.concat([frame, message])
}

/** `HealthCheckResponse.status` (field 1) is SERVING (1). */
function isServing(body: Buffer): boolean {
  return body.length >= 7 && body[0] === 0 && body[5] === 0x08 && body[6] === 1
}

/** What is read of an answer; the rest does not matter. */
const ANSWER_BYTES_MAX = 64

interface Asked {
  readonly question: Question
  readonly socket: Socket
  status: number
  body: Buffer
}

function askHttp2(host: Probed, settings: ProbeSettings, question: Question): () => void {
  const { thread, work } = settings
  let client: Http2ClientHandle | undefined
  const socket = host.openProbe('h2', {
    buffer: thread.readBuffer,
    callback(bytes, buffer) {
      client?.receive(buffer as Buffer, 0, bytes)
      return true
    },
  })
  socket.on('error', () => {})
  const isEncrypted = readyEvent(socket) === 'secureConnect'
  client = createHttp2Client({
    socket,
    isEncrypted,
    thread: thread.http2,
    events: ANSWERS,
    endpoints: { remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 },
    work,
    onClose: () => question.done('silent'),
  })
  socket.once(readyEvent(socket), () => {
    const stream = client?.open({ question, socket, status: 0, body: Buffer.alloc(0) } satisfies Asked)
    if (stream !== undefined) ask(stream, isEncrypted ? 'https' : 'http', question)
  })
  return () => socket.destroy()
}

function ask(stream: Stream, scheme: 'http' | 'https', question: Question): void {
  const { method, path, authority, lines, body } = question
  stream.sendHead({
    block: undefined,
    lines,
    status: 0,
    request: { method, scheme, authority, path, protocol: '' },
  })
  if (body !== undefined) stream.sendData(body, 0, body.length)
  stream.sendEnd('')
  stream.flush()
}

function answered(stream: Stream, outcome: ProbeOutcome): void {
  const { question, socket } = stream.owner as Asked
  question.done(outcome)
  socket.destroy()
}

const ANSWERS: StreamEvents = {
  head(stream) {
    const asked = stream.owner as Asked
    asked.status = stream.status
  },
  data(stream, bytes, start, end) {
    const asked = stream.owner as Asked
    const stop = Math.min(end, start + ANSWER_BYTES_MAX - asked.body.length)
    if (stop > start) asked.body = Buffer.concat([asked.body, bytes.subarray(start, stop)])
  },
  end(stream) {
    const { question, status, body } = stream.owner as Asked
    answered(stream, question.judge(status, body))
  },
  closed: (stream) => answered(stream, 'silent'),
  informational() {},
  flush() {},
  drained() {},
  refused() {},
  malformed() {},
}
