import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fail, messageOf, ok, type Result } from '../../../base/index.ts'
import type { Container, HostPathVolumeSource, Pod, Volume, VolumeMount } from '../../../kube/index.ts'
import type { PodPaths } from '../paths.ts'
import { expandVariables } from '../pod/expand.ts'
import type { VolumeOwner } from '../pod/security.ts'
import type { BindMount } from '../runtime/root-filesystem.ts'
import { writeVolume } from './atomic-writer.ts'
import { type ContentSources, tokenProjections, volumeContent } from './content.ts'
import type { TokenCache } from './tokens.ts'

export interface VolumeOptions extends Omit<ContentSources, 'token' | 'tokensArePrivate'> {
  readonly paths: PodPaths
  readonly tokens: TokenCache
  readonly owner: VolumeOwner
}

/**
 * Brings the pod's volumes up to date; called again when a ConfigMap or Secret changes or a token grows old.
 * @returns what is in the way, in the words of the event FailedMount
 */
export async function syncVolumes(options: VolumeOptions): Promise<Result<void, string>> {
  for (const volume of options.pod.spec.volumes ?? []) {
    const result = await syncVolume(options, volume)
    if (!result.ok) return fail(`MountVolume.SetUp failed for volume "${volume.name}" : ${result.error}`)
  }
  return ok(undefined)
}

async function syncVolume(options: VolumeOptions, volume: Volume): Promise<Result<void, string>> {
  try {
    for (const projection of tokenProjections(volume)) await options.tokens.ensure(options.pod, projection)
  } catch (error) {
    return fail(messageOf(error))
  }
  const sources: ContentSources = {
    ...options,
    tokensArePrivate: options.owner.user !== undefined || options.owner.group !== undefined,
    token: (projection) => options.tokens.get(options.pod, projection),
  }
  const content = volumeContent(volume, sources)
  if (content !== undefined) {
    if (!content.ok) return content
    writeVolume(options.paths.volume(volume.name), content.value, options.owner)
    return ok(undefined)
  }
  if (volume.hostPath) return prepareHostPath(volume.hostPath)
  if (volume.emptyDir === undefined)
    return fail('this node has emptyDir, configMap, secret, projected, downwardAPI and hostPath volumes only')
  prepareEmptyDirectory(options.paths.volume(volume.name), options.owner.group)
  return ok(undefined)
}

/** Everybody may write into it; what is made in it belongs to the file system's group. */
function prepareEmptyDirectory(directory: string, group: number | undefined): void {
  if (existsSync(directory)) return
  mkdirSync(directory, { recursive: true })
  if (group !== undefined) chownSync(directory, 0, group)
  chmodSync(directory, group === undefined ? 0o777 : 0o2777)
}

function prepareHostPath({ path, type = '' }: HostPathVolumeSource): Result<void, string> {
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 })
  if (type === 'FileOrCreate' && !existsSync(path)) writeFileSync(path, '')
  if (!existsSync(path)) {
    if (type !== '') return fail(`hostPath type check failed: ${path} is not there`)
    mkdirSync(path, { recursive: true, mode: 0o755 })
  }
  const isDirectory = statSync(path).isDirectory()
  const wantsDirectory = type.startsWith('Directory')
  if (type !== '' && wantsDirectory !== isDirectory)
    return fail(`hostPath type check failed: ${path} is not a ${type}`)
  return ok(undefined)
}

/** Where the volumes appear in a container. @throws when a sub-path leads out of its volume or is not there */
export function bindMounts(options: {
  readonly pod: Pod
  readonly container: Container
  readonly paths: PodPaths
  readonly variables: ReadonlyMap<string, string>
}): readonly BindMount[] {
  return (options.container.volumeMounts ?? []).map((mount) => {
    const volume = options.pod.spec.volumes?.find(({ name }) => name === mount.name)
    if (volume === undefined)
      throw new Error(`volume "${mount.name}" of container ${options.container.name} is not defined`)
    const source = volume.hostPath?.path ?? options.paths.volume(volume.name)
    return {
      hostPath: subPath(source, mount, { variables: options.variables, volume }),
      mountPath: mount.mountPath.replace(/(?<=.)\/+$/, ''),
      readOnly:
        mount.readOnly === true ||
        volume.configMap !== undefined ||
        volume.secret !== undefined ||
        volume.projected !== undefined ||
        volume.downwardAPI !== undefined,
    }
  })
}

function subPath(
  source: string,
  mount: VolumeMount,
  { variables, volume }: { readonly variables: ReadonlyMap<string, string>; readonly volume: Volume },
): string {
  const path =
    mount.subPath ?? (mount.subPathExpr === undefined ? '' : expandVariables(mount.subPathExpr, variables))
  if (path === '') return source
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw new Error(`subPath "${path}" leads out of its volume`)
  const target = join(source, path)
  if (volume.emptyDir !== undefined || volume.hostPath !== undefined) {
    if (!existsSync(target)) mkdirSync(target, { recursive: true })
  }
  if (!existsSync(target))
    throw new Error(
      `failed to prepare subPath for volumeMount "${mount.name}": "${path}" is not in the volume`,
    )
  // The links of a ConfigMap's volume move on with every update; a sub-path keeps the file of its start.
  const real = realpathSync(target)
  if (!real.startsWith(`${realpathSync(dirname(join(source, 'x')))}/`))
    throw new Error(`subPath "${path}" leads out of its volume`)
  return real
}
