import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Container } from '../../../kube/index.ts'
import type { ImageFile } from '../images.ts'
import type { PodPaths } from '../paths.ts'
import type { BindMount } from '../runtime/root-filesystem.ts'

/** Lays out what the image has in other places than the machine; what the container mounts there itself hides it. */
export function imageFileMounts(options: {
  readonly files: readonly ImageFile[]
  readonly container: Container
  readonly paths: PodPaths
}): readonly BindMount[] {
  const { container, paths } = options
  const own = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath.replace(/\/+$/, ''))
  return options.files
    .filter(({ path }) => !own.some((mounted) => path === mounted || path.startsWith(`${mounted}/`)))
    .map((file) => {
      const { path } = file
      if ('hostPath' in file) return machineFile(file)
      const hostPath = join(paths.image(container.name), path)
      mkdirSync(dirname(hostPath), { recursive: true })
      writeFileSync(hostPath, file.content, { mode: 0o644 })
      return { hostPath, mountPath: path, readOnly: false }
    })
}

/** The machine's own file stays as it is: what a container writes belongs to the container. */
function machineFile({ path, hostPath }: { readonly path: string; readonly hostPath: string }): BindMount {
  if (!existsSync(hostPath)) {
    throw new Error(
      `the image's ${path} stands for ${hostPath}, which is not on this machine; map the image again`,
    )
  }
  return { hostPath, mountPath: path, readOnly: true }
}
