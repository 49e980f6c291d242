import { analyze, LEVELS, type Level, type OutputFormat, reportMessages } from '../../insight/index.ts'
import { connect } from '../cluster.ts'
import { CliError, ExitCode, exitWith } from '../exit.ts'
import { overlay, readMeshObjects } from '../mesh-objects.ts'
import { loadObjects } from '../yaml-files.ts'
import type { CommandCall } from '../command-call.ts'

const FORMATS: readonly OutputFormat[] = ['log', 'json', 'yaml']

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const namespace = typeof options['namespace'] === 'string' ? options['namespace'] : 'default'
  const files = loadObjects(call.positional, namespace)
  const fromCluster = options['useKube'] === 'false' ? [] : await readMeshObjects(connect(call))
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

function choice<T extends string>(flag: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one.toLowerCase() === String(value).toLowerCase())
  if (found === undefined)
    throw new CliError(`--${flag} is one of ${allowed.join(', ')}, not ${String(value)}`, ExitCode.usage)
  return found
}
