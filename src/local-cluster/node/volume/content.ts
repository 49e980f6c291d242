import { fail, ok, type Result } from '../../../base/index.ts'
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  ProjectedVolumeSource,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '../../../kube/index.ts'
import { findContainer } from '../pod/environment.ts'
import { type NodeFacts, readField, readResource } from '../pod/field-ref.ts'

export interface VolumeFile {
  /** Relative, without `..`. */
  readonly path: string
  readonly content: Uint8Array
  readonly mode: number
}

export interface ContentSources {
  readonly pod: Pod
  readonly facts: NodeFacts
  readonly configMap: (name: string) => ConfigMap | undefined
  readonly secret: (name: string) => Secret | undefined
  /** The pod's files have an owner or a group of their own, so that a token need not be readable for everybody. */
  readonly tokensArePrivate: boolean
  /** A token that was asked for before; undefined when it could not be had. */
  readonly token: (projection: ServiceAccountTokenProjection) => string | undefined
}

type Files = Result<readonly VolumeFile[], string>

const DEFAULT_MODE = 0o644
const PRIVATE_TOKEN_MODE = 0o600

/** @returns the files of a ConfigMap, Secret, projected or downward API volume; undefined for other kinds */
export function volumeContent(volume: Volume, sources: ContentSources): Files | undefined {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap) return configMapFiles(sources, configMap, configMap.defaultMode ?? DEFAULT_MODE)
  if (secret) {
    const { secretName: name, ...rest } = secret
    return secretFiles(
      sources,
      { ...rest, ...(name === undefined ? {} : { name }) },
      secret.defaultMode ?? DEFAULT_MODE,
    )
  }
  if (downwardAPI) return downwardFiles(sources, downwardAPI.items, downwardAPI.defaultMode ?? DEFAULT_MODE)
  return projected && projectedFiles(sources, projected)
}

/** The tokens that a volume has to be given. */
export function tokenProjections(volume: Volume): readonly ServiceAccountTokenProjection[] {
  return (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
    serviceAccountToken === undefined ? [] : [serviceAccountToken],
  )
}

function projectedFiles(sources: ContentSources, projected: ProjectedVolumeSource): Files {
  const files: VolumeFile[] = []
  for (const source of projected.sources ?? []) {
    const part = projection(sources, source, projected.defaultMode ?? DEFAULT_MODE)
    if (!part.ok) return part
    files.push(...part.value)
  }
  return ok(files)
}

function projection(sources: ContentSources, source: VolumeProjection, mode: number): Files {
  if (source.configMap) return configMapFiles(sources, source.configMap, mode)
  if (source.secret) return secretFiles(sources, source.secret, mode)
  if (source.downwardAPI) return downwardFiles(sources, source.downwardAPI.items, mode)
  if (source.serviceAccountToken) {
    const { path } = source.serviceAccountToken
    const token = sources.token(source.serviceAccountToken)
    const account = sources.pod.spec.serviceAccountName ?? 'default'
    if (token === undefined) return fail(`the API server gave no token for the service account "${account}"`)
    const tokenMode = sources.tokensArePrivate ? PRIVATE_TOKEN_MODE : mode
    return checkedPaths([{ path, content: Buffer.from(token), mode: tokenMode }])
  }
  return fail('a projected volume has a source that this node does not know')
}

interface ObjectSource {
  readonly name?: string
  readonly items?: readonly KeyToPath[]
  readonly optional?: boolean
}

function configMapFiles(sources: ContentSources, source: ObjectSource, mode: number): Files {
  const found = sources.configMap(source.name ?? '')
  if (found === undefined)
    return source.optional ? ok([]) : fail(`configmap "${source.name ?? ''}" not found`)
  const entries = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(found.data ?? {})) entries.set(key, Buffer.from(value))
  for (const [key, value] of Object.entries(found.binaryData ?? {}))
    entries.set(key, Buffer.from(value, 'base64'))
  return pick(entries, source, { mode, kind: 'config' })
}

function secretFiles(sources: ContentSources, source: ObjectSource, mode: number): Files {
  const found = sources.secret(source.name ?? '')
  if (found === undefined) return source.optional ? ok([]) : fail(`secret "${source.name ?? ''}" not found`)
  const entries = Object.entries(found.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  )
  return pick(new Map(entries), source, { mode, kind: 'secret' })
}

function pick(
  entries: ReadonlyMap<string, Uint8Array>,
  source: ObjectSource,
  { mode, kind }: { readonly mode: number; readonly kind: 'config' | 'secret' },
): Files {
  if (source.items === undefined || source.items.length === 0) {
    return ok([...entries].map(([path, content]) => ({ path, content, mode })))
  }
  const files: VolumeFile[] = []
  for (const item of source.items) {
    const content = entries.get(item.key)
    if (content !== undefined) files.push({ path: item.path, content, mode: item.mode ?? mode })
    else if (!source.optional) return fail(`references non-existent ${kind} key: ${item.key}`)
  }
  return checkedPaths(files)
}

function downwardFiles(
  sources: ContentSources,
  items: readonly DownwardAPIVolumeFile[] | undefined,
  mode: number,
): Files {
  const files: VolumeFile[] = []
  for (const item of items ?? []) {
    const value = downwardValue(sources, item)
    if (value === undefined) return fail(`the downward API has nothing for the file "${item.path}"`)
    files.push({ path: item.path, content: Buffer.from(value), mode: item.mode ?? mode })
  }
  return checkedPaths(files)
}

function downwardValue(sources: ContentSources, item: DownwardAPIVolumeFile): string | undefined {
  if (item.fieldRef) return readField(sources.pod, sources.facts, item.fieldRef.fieldPath)
  if (item.resourceFieldRef === undefined) return undefined
  const container = findContainer(sources.pod, item.resourceFieldRef.containerName ?? '')
  return readResource(container, sources.facts, item.resourceFieldRef)
}

/** The API server has validated the paths; one that leaves the volume must not get here. */
function checkedPaths(files: readonly VolumeFile[]): Files {
  const bad = files.find(({ path }) => path.startsWith('/') || path.split('/').includes('..'))
  return bad === undefined ? ok(files) : fail(`the path "${bad.path}" leads out of the volume`)
}
