import { createRequire } from 'node:module'
import { extname } from 'node:path'

/**
 * A module that is loaded, and takes memory, when it is first called for: for what most processes never do.
 * @param from `import.meta` of the one who needs it
 * @param specifier as in an import, but without suffix where it begins with `./`
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows what the module is
export function onDemand<T>(from: ImportMeta, specifier: string): () => T {
  let module: T | undefined
  return () => {
    const suffix = specifier.startsWith('.') ? extname(from.filename) : ''
    module ??= createRequire(from.url)(`${specifier}${suffix}`) as T
    return module
  }
}
