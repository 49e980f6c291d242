import { request, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../base/index.ts'
import { openPortForward } from '../../kube/client/index.ts'
import { kubeconfig } from '../cluster.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { terminationSignal } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'
import { countOption } from '../options.ts'
import { formatTapped, tapRequest, type TappedExchange, type TapWish } from '../tap-format.ts'

const ADMIN_PORT = 15_000
const HEADERS_ONLY = 0

/** Shows requests as they pass a pod's proxy, until there were enough or the user has seen enough. */
export async function run(call: CommandCall): Promise<void> {
  const output = textOption(call, 'output')
  if (output !== 'text' && output !== 'json')
    throw new CliError(`--output is text or json, not ${String(output)}`, ExitCode.usage)
  const limit = countOption(call, 'limit') ?? Number.POSITIVE_INFINITY
  const signal = terminationSignal()
  try {
    const answer = await startTap(await connectionTo(call), JSON.stringify(tapRequest(wishOf(call))))
    signal.addEventListener('abort', () => answer.destroy(), { once: true })
    let seen = 0
    for await (const line of linesOf(answer)) {
      process.stdout.write(output === 'json' ? `${line}\n` : textOf(line))
      if (isExchange(line) && ++seen >= limit) break
    }
    answer.destroy()
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof CliError) throw error
    throw new CliError(messageOf(error), ExitCode.unavailable)
  }
}

function wishOf(call: CommandCall): TapWish {
  const status = textOption(call, 'status')
  if (status !== undefined && !/^[1-5](?:\d\d|xx)$/i.test(status))
    throw new CliError(`--status is a status such as 503, or 5xx, not ${status}`, ExitCode.usage)
  const headers = call.options['header']
  return {
    path: textOption(call, 'path'),
    method: textOption(call, 'method'),
    headers: Array.isArray(headers) ? headers.map(String) : [],
    status,
    bodyBytes: countOption(call, 'body') ?? HEADERS_ONLY,
  }
}

/** The admin port of a pod's proxy, which listens on loopback only; or of one on this machine. */
async function connectionTo(
  call: CommandCall,
): Promise<{ readonly host: string; readonly port: number } | Duplex> {
  const admin = textOption(call, 'admin')
  if (admin !== undefined) {
    const [, host = '', port = ''] = /^(?:(.+):)?(\d+)$/.exec(admin) ?? []
    if (port === '') throw new CliError(`--admin is a port or host:port, not ${admin}`, ExitCode.usage)
    return { host: host === '' ? '127.0.0.1' : host, port: Number(port) }
  }
  const [name] = call.positional
  if (name === undefined) throw new CliError('name a pod, or a proxy with --admin HOST:PORT', ExitCode.usage)
  const [pod = '', ofNamespace] = name.split('.', 2)
  const config = kubeconfig(call)
  const namespace = textOption(call, 'namespace') ?? ofNamespace ?? config.namespace
  return openPortForward(config, { namespace, pod, port: ADMIN_PORT })
}

function startTap(
  target: { readonly host: string; readonly port: number } | Duplex,
  body: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const place = 'host' in target ? target : { createConnection: () => target }
    const asked = request({
      ...place,
      path: '/tap',
      method: 'POST',
      headers: { host: 'localhost', 'content-length': Buffer.byteLength(body) },
    })
    asked.on('error', reject)
    asked.on('response', (answer) => {
      if (answer.statusCode === 200) {
        resolve(answer)
        return
      }
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => reject(new Error(`the proxy answers ${answer.statusCode}: ${text.trim()}`)))
    })
    asked.end(body)
  })
}

/** Unlike readline's, these end with an error when the connection breaks off. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function isExchange(line: string): boolean {
  return line.startsWith('{"http_buffered_trace"')
}

function textOf(line: string): string {
  if (isExchange(line)) return formatTapped(JSON.parse(line) as TappedExchange)
  const { dropped } = JSON.parse(line) as { readonly dropped: number }
  return `${dropped} more were not kept: too many came at once\n`
}
