import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fail, messageOf, ok, type Result } from '../../../base/index.ts'
import type { Container, Pod, Volume, VolumeMount } from '../../../kube/index.ts'
import type { KubeClient } from '../../../kube/client/index.ts'
import type { PodPaths } from '../paths.ts'
import { expandVariables } from '../pod/expand.ts'
import type { VolumeOwner } from '../pod/security.ts'
import type { BindMount } from '../runtime/root-filesystem.ts'
import { writeVolume } from './atomic-writer.ts'
import { claimedPath, claimNameOf } from './claims.ts'
import { type ContentSources, tokenProjections, volumeContent } from './content.ts'
import { prepareHostPath } from './host-path.ts'
import { mountMemory } from './memory.ts'
import type { TokenCache } from './tokens.ts'

export interface VolumeOptions extends Omit<ContentSources, 'token' | 'tokensArePrivate'> {
  readonly paths: PodPaths
  readonly tokens: TokenCache
  readonly client: KubeClient
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
  if (volume.hostPath) return prepareHostPath(volume.hostPath.path, volume.hostPath.type ?? '')
  const claim = claimNameOf(options.pod, volume)
  if (claim !== undefined) return linkClaim(options, options.paths.volume(volume.name), claim)
  if (volume.emptyDir === undefined) return fail(UNKNOWN_KIND)
  const { group } = options.owner
  const directory = options.paths.volume(volume.name)
  if (volume.emptyDir.medium === 'Memory') {
    await mountMemory(directory, { sizeLimit: volume.emptyDir.sizeLimit, group })
  } else prepareEmptyDirectory(directory, group)
  return ok(undefined)
}

const UNKNOWN_KIND =
  'this node has emptyDir, configMap, secret, projected, downwardAPI, hostPath and persistentVolumeClaim volumes only'

/** A bound claim keeps its volume: it is looked up once, and the link stands for it from then on. */
async function linkClaim(
  { client, pod }: VolumeOptions,
  link: string,
  claim: string,
): Promise<Result<void, string>> {
  if (existsSync(link)) return ok(undefined)
  const found = await claimedPath(client, pod.metadata.namespace ?? '', claim)
  if (!found.ok) return found
  const prepared = prepareHostPath(found.value.path, found.value.type)
  if (!prepared.ok) return prepared
  mkdirSync(dirname(link), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(found.value.path, link)
  return ok(undefined)
}

/** Everybody may write into it; what is made in it belongs to the file system's group. */
function prepareEmptyDirectory(directory: string, group: number | undefined): void {
  if (existsSync(directory)) return
  mkdirSync(directory, { recursive: true })
  if (group !== undefined) chownSync(directory, 0, group)
  chmodSync(directory, group === undefined ? 0o777 : 0o2777)
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
        volume.persistentVolumeClaim?.readOnly === true ||
        volume.configMap !== undefined ||
        volume.secret !== undefined ||
        volume.projected !== undefined ||
        volume.downwardAPI !== undefined,
    }
  })
}

const WRITABLE = ['emptyDir', 'hostPath', 'persistentVolumeClaim', 'ephemeral'] as const

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
  if (WRITABLE.some((kind) => volume[kind] !== undefined)) {
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
