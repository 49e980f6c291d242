import { spawn } from 'node:child_process'
import { request } from 'node:https'
import { unreachable } from '../../src/base/index.ts'
import { words } from '../support/cluster.ts'
import { normaliseAll, sortedJson } from './normalise.ts'
import { kubeconfigFor, type Server } from './servers.ts'
import { ANONYMOUS, type HttpStep, type KubectlStep, type Step, type WatchStep } from './table.ts'

/** One server in one namespace, with the folder that command lines name files of. */
export interface Place {
  readonly server: Server
  readonly namespace: string
  readonly kubeconfig: string
  readonly kubectl: string
  readonly files: string
}

const STEP_DEADLINE_MS = 60_000
const WATCH_DEADLINE_MS = 8_000
/** Headers that clients act on; the others (dates, audit ids, lengths) are nobody's business. */
const HEADERS = ['content-type', 'warning', 'www-authenticate', 'retry-after', 'allow'] as const

export function placeOf(
  server: Server,
  namespace: string,
  programs: Pick<Place, 'kubectl' | 'files'>,
): Place {
  return { server, namespace, kubeconfig: kubeconfigFor(server, namespace), ...programs }
}

/** @returns what the step showed, with everything that differs by nature made equal */
export async function runStep(place: Place, step: Step): Promise<string> {
  switch (step.kind) {
    case 'kubectl':
      return normaliseAll(await kubectl(place, step), step.normalise)
    case 'http':
      return normaliseAll(await http(place, step), step.normalise)
    case 'watch':
      return normaliseAll(await watch(place, step), step.normalise)
    default:
      return unreachable(step)
  }
}

function start(place: Place, step: { readonly line: string; readonly env?: KubectlStep['env'] }) {
  const line = step.line.replaceAll('{ns}', place.namespace)
  return spawn(place.kubectl, words(line), {
    cwd: place.files,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: place.server.directory,
      KUBECONFIG: place.kubeconfig,
      ...step.env,
    },
    timeout: STEP_DEADLINE_MS,
  })
}

function kubectl(place: Place, step: KubectlStep): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = start(place, step)
    let out = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const raw = /(?:^|\s)--raw(?:\s|=)/.test(step.line) ? sortedJson(out) : out
      resolve(sections({ exit: String(code ?? signal), stdout: raw, stderr: errors }))
    })
    child.stdin.on('error', () => {}) // it may end without reading
    child.stdin.end(step.input?.replaceAll('{ns}', place.namespace) ?? '')
  })
}

async function watch(place: Place, step: WatchStep): Promise<string> {
  const child = start(place, step)
  child.stdin.end()
  let out = ''
  let errors = ''
  let begun = () => {}
  let finished = () => {}
  const first = new Promise<void>((resolve) => (begun = resolve))
  const enough = new Promise<void>((resolve) => (finished = resolve))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    begun()
    if (out.split('\n').length > step.lines) finished()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const closed = new Promise<string>((resolve) =>
    child.on('close', (code, signal) => {
      begun()
      finished()
      resolve(String(code ?? signal))
    }),
  )
  const deadline = setTimeout(() => {
    begun()
    finished()
  }, WATCH_DEADLINE_MS)
  if (!step.atOnce) await first
  for (const action of step.during) await runStep(place, action)
  await enough
  clearTimeout(deadline)
  child.kill('SIGKILL')
  return sections({ exit: await closed, stdout: out, stderr: errors })
}

function http(place: Place, step: HttpStep): Promise<string> {
  const { server } = place
  const { caCertificate: ca, admin } = server.pki
  const path = step.path.replaceAll('{ns}', place.namespace)
  const body = step.body?.replaceAll('{ns}', place.namespace)
  const { [ANONYMOUS]: anonymous, ...sent } = step.headers
  const certificate = anonymous === undefined && sent['authorization'] === undefined
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: server.host,
        port: server.port,
        ca,
        ...(certificate ? { cert: admin.certificate, key: admin.key } : {}),
        method: step.method,
        path,
        agent: false,
        timeout: STEP_DEADLINE_MS,
        headers: { ...sent, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('error', reject)
        response.on('end', () => {
          const headers = HEADERS.flatMap((name) => {
            const value = response.headers[name]
            return value === undefined ? [] : [`${name}: ${value}\n`]
          }).join('')
          resolve(sections({ status: String(response.statusCode), headers, body: sortedJson(text) }))
        })
      },
    )
    call.on('timeout', () => call.destroy(new Error(`no end of the answer to ${step.method} ${path}`)))
    call.on('error', reject)
    call.end(body)
  })
}

function sections(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .filter(([, text]) => text.trim() !== '')
    .map(([name, text]) => (text.includes('\n') ? `${name}:\n${text.trimEnd()}` : `${name}: ${text}`))
    .join('\n')
}
