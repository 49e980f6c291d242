import type { KubeObject } from '../../kube/index.ts'
import { type KindRef, type KubeClient, KINDS } from '../../kube/client/index.ts'
import { analyze, LEVELS, type Level, type OutputFormat, reportMessages } from '../../insight/index.ts'
import { RESOURCE_KINDS } from '../../mesh/resources/index.ts'
import { connect } from '../cluster.ts'
import { CliError, ExitCode, exitWith } from '../exit.ts'
import { loadObjects } from '../yaml-files.ts'
import type { CommandCall } from '../command-call.ts'

const FORMATS: readonly OutputFormat[] = ['log', 'json', 'yaml']

/** All that analyzers refer to, in every namespace: a reference may lead anywhere. */
const READ: readonly KindRef[] = [
  KINDS.node,
  ...Object.values(RESOURCE_KINDS).filter((kind) => kind.kind !== 'ConfigMap'),
]

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const namespace = typeof options['namespace'] === 'string' ? options['namespace'] : 'default'
  const files = loadObjects(call.positional, namespace)
  const fromCluster = options['useKube'] === 'false' ? [] : await readCluster(connect(call))
  const references = new Map(files.map(({ object, reference }) => [object, reference]))
  const objects = overlay(
    fromCluster,
    files.map(({ object }) => object),
  )
  const everywhere = options['allNamespaces'] === true
  const report = reportMessages(analyze(objects, everywhere ? {} : { namespace }), {
    format: choice('output', options['output'], FORMATS),
    target: everywhere ? 'all namespaces' : `namespace: ${namespace}`,
    color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    referenceOf: (object) => references.get(object),
    outputThreshold: choice<Level>('output-threshold', options['outputThreshold'], LEVELS),
    failureThreshold: choice<Level>('failure-threshold', options['failureThreshold'], LEVELS),
  })
  process.stdout.write(report.stdout)
  process.stderr.write(report.stderr)
  if (report.exitCode !== 0) exitWith(report.exitCode)
}

async function readCluster(client: KubeClient): Promise<readonly KubeObject[]> {
  const lists = await Promise.all(
    READ.map(async (kind) => {
      try {
        const { items } = await client.list<KubeObject>(kind)
        // Members of a list name neither their kind nor their version.
        const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
        return items.map((item) => ({ ...item, apiVersion, kind: kind.kind }))
      } catch (error) {
        if (error instanceof Error && 'status' in error && error.status === 404) return [] // the kind is not installed
        throw error
      }
    }),
  )
  return lists.flat()
}

/** A file's object takes the place of the cluster's of the same name: it is what would be after applying it. */
function overlay(cluster: readonly KubeObject[], files: readonly KubeObject[]): readonly KubeObject[] {
  const nameOf = (object: KubeObject) =>
    [object.apiVersion.split('/')[0], object.kind, object.metadata.namespace, object.metadata.name].join('/')
  const replaced = new Set(files.map(nameOf))
  return [...cluster.filter((object) => !replaced.has(nameOf(object))), ...files]
}

function choice<T extends string>(flag: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one.toLowerCase() === String(value).toLowerCase())
  if (found === undefined)
    throw new CliError(`--${flag} is one of ${allowed.join(', ')}, not ${String(value)}`, ExitCode.usage)
  return found
}
