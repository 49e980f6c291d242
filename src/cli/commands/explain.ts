import type { KubeObject } from '../../kube/index.ts'
import type { Origin } from '../../model/index.ts'
import {
  BadRequestError,
  explainRequest,
  formatExplanations,
  type WonderedRequest,
} from '../../insight/index.ts'
import { connect } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'
import { overlay, readMeshObjects } from '../mesh-objects.ts'
import { loadObjects } from '../yaml-files.ts'

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

/** Which rule takes a request, from the cluster's objects, or files', or both. */
export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const [url = '', ...paths] = call.positional
  const namespace = typeof options['namespace'] === 'string' ? options['namespace'] : 'default'
  const output = options['output']
  if (output !== 'text' && output !== 'json')
    throw new CliError(`--output is text or json, not ${String(output)}`, ExitCode.usage)
  const files = loadObjects(paths, namespace)
  const client = options['useKube'] === 'false' ? undefined : connect(call)
  const objects = overlay(
    client === undefined ? [] : await readMeshObjects(client),
    files.map(({ object }) => object),
  )
  const request = requestOf(url, options, objects)
  try {
    const explanations = explainRequest(objects, request)
    process.stdout.write(
      output === 'json'
        ? `${JSON.stringify(explanations, undefined, 2)}\n`
        : formatExplanations(request, explanations, (origin) => placeOf(origin, files)),
    )
  } catch (error) {
    if (error instanceof BadRequestError) throw new CliError(error.message, ExitCode.data)
    throw error
  }
}

function requestOf(
  url: string,
  options: CommandCall['options'],
  objects: readonly KubeObject[],
): WonderedRequest {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const port = parsed && (parsed.port === '' ? DEFAULT_PORTS[parsed.protocol] : Number(parsed.port))
  if (parsed === undefined || port === undefined)
    throw new CliError(`${url} is no URL such as http://demo.example/api`, ExitCode.usage)
  const headers = headersOf(options['header'])
  const from = typeof options['from'] === 'string' ? clientOf(options['from'], objects) : undefined
  const authority = headers['host'] ?? parsed.host
  return {
    method: String(options['request']),
    scheme: parsed.protocol.slice(0, -1),
    authority,
    // As it was typed: a URL's own normalisation would hide what a proxy does.
    path: pathOf(url),
    port,
    headers: { ...headers, host: authority },
    ...(from && { from }),
    ...(typeof options['gateway'] === 'string' && { gateway: options['gateway'] }),
  }
}

function pathOf(url: string): string {
  const rest = url.slice(url.indexOf('://') + 3)
  const start = rest.search(/[/?#]/)
  const path = start < 0 ? '/' : (rest.slice(start).split('#')[0] ?? '/')
  return path.startsWith('/') ? path : `/${path}`
}

/** curl's `-H 'name: value'`. */
function headersOf(lines: unknown): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const line of Array.isArray(lines) ? (lines as readonly string[]) : []) {
    const colon = line.indexOf(':')
    if (colon <= 0) throw new CliError(`-H ${line}: a header is a name, a colon and a value`, ExitCode.usage)
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`
  }
  return headers
}

/** A namespace, or a pod of it with its labels. */
function clientOf(text: string, objects: readonly KubeObject[]): NonNullable<WonderedRequest['from']> {
  const [namespace = '', pod] = text.split('/')
  if (pod === undefined) return { namespace, labels: {} }
  const found = objects.find(
    ({ kind, metadata }) => kind === 'Pod' && metadata.namespace === namespace && metadata.name === pod,
  )
  if (found === undefined) throw new CliError(`--from ${text}: there is no such pod`, ExitCode.data)
  return { namespace, labels: found.metadata.labels ?? {} }
}

function placeOf(
  origin: Origin,
  files: readonly { readonly object: KubeObject; readonly reference: string }[],
): string | undefined {
  return files.find(
    ({ object }) =>
      object.kind === origin.kind &&
      object.metadata.name === origin.name &&
      object.metadata.namespace === origin.namespace,
  )?.reference
}
