import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type KubeObject, parseManifests } from '../kube/index.ts'
import { CliError, ExitCode } from './exit.ts'

export interface LoadedObject {
  readonly object: KubeObject
  /** `file.yaml:12` */
  readonly reference: string
}

/** Reads the Kubernetes objects of files, and of the YAML files below folders; `-` is standard input. @throws CliError */
export function loadObjects(paths: readonly string[], defaultNamespace: string): readonly LoadedObject[] {
  return paths.flatMap((path) =>
    filesBelow(path).flatMap((file) => objectsOf(file, { defaultNamespace, isNamed: file === path })),
  )
}

function filesBelow(path: string): readonly string[] {
  if (path === '-') return ['-']
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new CliError(`${path} does not exist`, ExitCode.data)
  if (!stat.isDirectory()) return [path]
  return globSync('**/*.{yaml,yml,json}', { cwd: path })
    .sort()
    .map((name) => join(path, name))
}

function objectsOf(
  path: string,
  from: { readonly defaultNamespace: string; readonly isNamed: boolean },
): readonly LoadedObject[] {
  const { manifests, problems } = parseManifests(readFileSync(path === '-' ? 0 : path, 'utf8'))
  const problem = problems.find((one) => from.isNamed || one.foreign !== true)
  if (problem)
    throw new CliError(`${path}:${problem.line}:${problem.column}: ${problem.message}`, ExitCode.data)
  return manifests.map(({ object, line }) => ({
    object: withNamespace(object, from.defaultNamespace),
    reference: `${path}:${line}`,
  }))
}

/** As kubectl: what names no namespace goes to the one that is worked in. */
function withNamespace(object: KubeObject, namespace: string): KubeObject {
  if (object.metadata.namespace !== undefined || CLUSTER_SCOPED.has(object.kind)) return object
  return { ...object, metadata: { ...object.metadata, namespace } }
}

const CLUSTER_SCOPED = new Set([
  'Namespace',
  'Node',
  'GatewayClass',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
])
