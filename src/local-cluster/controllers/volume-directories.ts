import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Where the volumes of the class `standard` are: one directory for each. */
export interface VolumeDirectories {
  /** @returns the path; the directory may be there already */
  readonly create: (name: string) => Promise<string>
  readonly remove: (name: string) => Promise<void>
}

/** Containers run as users that nobody knows beforehand, so a volume is open to all of them, as kind's and k3s' are. */
const MODE = 0o777

export function createVolumeDirectories(root: string): VolumeDirectories {
  const pathOf = (name: string): string => {
    // Names are made of those of objects, which have no slashes; what is removed must be below the root whatever happens.
    if (name === '' || name.startsWith('.') || name.includes('/')) {
      throw new Error(`"${name}" is no name for the directory of a volume`)
    }
    return join(root, name)
  }
  return {
    async create(name) {
      const path = pathOf(name)
      await mkdir(path, { recursive: true })
      await chmod(path, MODE)
      return path
    },
    remove: (name) => rm(pathOf(name), { recursive: true, force: true }),
  }
}
