/** For tests of this folder: the official definitions, which are not part of the project. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import type { CustomResourceDefinition } from '../../../kube/index.ts'

const OFFICIAL = fileURLToPath(new URL('../../../../../shared/crds', import.meta.url))

/** Why comparisons are skipped; false when they are not. */
export const OFFICIAL_SKIP = existsSync(OFFICIAL) ? false : '../shared/crds is missing'

export function loadOfficialCrds(folder: string): readonly CustomResourceDefinition[] {
  return readdirSync(`${OFFICIAL}/${folder}`)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parseAllDocuments(readFileSync(`${OFFICIAL}/${folder}/${file}`, 'utf8')))
    .flatMap((document) => (document.toJS() as CustomResourceDefinition | null) ?? [])
    .filter((object) => object.kind === 'CustomResourceDefinition')
}
