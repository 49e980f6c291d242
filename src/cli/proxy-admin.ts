import { request, type RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf } from '../base/index.ts'
import { openPortForward } from '../kube/client/index.ts'
import { kubeconfig } from './cluster.ts'
import { type CommandCall, textOption } from './command-call.ts'
import { CliError, ExitCode } from './exit.ts'

const ADMIN_PORT = 15_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TIMEOUT_MS = 30_000

/** The admin port of a pod's proxy, which listens on loopback only. @param name `NAME` or `NAME.NAMESPACE` */
export function openAdmin(call: CommandCall, name: string): Promise<Duplex> {
  const [pod = '', ofNamespace] = name.replace(/^pods?\//, '').split('.', 2)
  const config = kubeconfig(call)
  const namespace = textOption(call, 'namespace') ?? ofNamespace ?? config.namespace
  return openPortForward(config, { namespace, pod, port: ADMIN_PORT })
}

/** What a proxy's admin page says. @throws CliError with what is wrong */
export async function askAdmin(
  call: CommandCall,
  pod: string,
  path: string,
  method: 'GET' | 'POST' = 'GET',
): Promise<string> {
  try {
    return await askOver(await openAdmin(call, pod), path, method)
  } catch (error) {
    throw new CliError(`the proxy of ${pod} does not answer: ${messageOf(error)}`, ExitCode.unavailable)
  }
}

/** @throws Error when the answer is none, or not 200 */
export function askOver(connection: Duplex, path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  return ask({ createConnection: () => connection, path, method, headers: { host: 'localhost' } })
}

function ask(options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, signal: AbortSignal.timeout(TIMEOUT_MS) })
    asked.on('error', reject)
    asked.on('response', (answer) => {
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > ANSWER_BYTES_MAX) asked.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`${answer.statusCode}: ${text.trim()}`))
      })
    })
    asked.end()
  })
}
