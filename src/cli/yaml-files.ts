import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isMap, LineCounter, parseAllDocuments } from 'yaml'
import type { KubeObject } from '../kube/index.ts'
import { CliError, ExitCode } from './exit.ts'

export interface LoadedObject {
  readonly object: KubeObject
  /** `file.yaml:12` */
  readonly reference: string
}

/** Reads the Kubernetes objects of files, and of the YAML files below folders; `-` is standard input. @throws CliError */
export function loadObjects(paths: readonly string[], defaultNamespace: string): readonly LoadedObject[] {
  return paths.flatMap(filesBelow).flatMap((path) => objectsOf(path, defaultNamespace))
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

function objectsOf(path: string, defaultNamespace: string): readonly LoadedObject[] {
  const text = readFileSync(path === '-' ? 0 : path, 'utf8')
  const lines = new LineCounter()
  return [...parseAllDocuments(text, { lineCounter: lines })].flatMap((document) => {
    const [error] = document.errors
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      throw new CliError(`${path}:${line}:${col}: ${error.message.split('\n')[0]}`, ExitCode.data)
    }
    if (!isMap(document.contents)) return [] // an empty document between two separators
    const value = document.toJS() as Partial<KubeObject>
    const { line } = lines.linePos(document.contents.range?.[0] ?? 0)
    if (
      typeof value.apiVersion !== 'string' ||
      typeof value.kind !== 'string' ||
      typeof value.metadata?.name !== 'string'
    ) {
      throw new CliError(
        `${path}:${line}: not a Kubernetes object: apiVersion, kind and metadata.name are required`,
        ExitCode.data,
      )
    }
    const object = withNamespace(value as KubeObject, defaultNamespace)
    return [{ object, reference: `${path}:${line}` }]
  })
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
