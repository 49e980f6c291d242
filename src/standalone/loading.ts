import { canonicalJson, contentVersion } from '../model/index.ts'
import { DEFAULT_SETTINGS } from '../mesh/translate/index.ts'
import type { ModelChanges } from '../proxy/index.ts'
import { type PlacedObject, readConfiguration } from './configuration.ts'
import type { FileText } from './files.ts'
import { type LoadAnswer, type LoadingBirth, modelId } from './loading-protocol.ts'
import { createFileTranslation, type Remark } from './translation.ts'

/** Files in, what changes in the model out. */
export type Loading = (files: readonly FileText[]) => LoadAnswer

export function createLoading({ meshConfig, known }: Omit<LoadingBirth, 'cacheDirectory'>): Loading {
  const translation = createFileTranslation({ settings: DEFAULT_SETTINGS, meshConfig })
  /** Of no more use when the first files are taken: from then on the translation knows what changes. */
  let before: ReadonlyMap<string, string> | undefined = known.size > 0 ? known : undefined

  return (files) => {
    const { objects, problems, ignored } = readConfiguration(files)
    if (problems.length > 0) return { kind: 'bad', problems }
    const all = translation.replace(objects.map(({ object }) => object))
    const versions = new Map(all.set.map((one) => [modelId(one), contentVersion(canonicalJson(one))]))
    const changes = before === undefined ? all : since(before, all, versions)
    before = undefined
    const remarks = [
      ...translation.remarks().map((remark) => `${placeOf(remark, objects)}${remark.message}`),
      ...ignored.map(
        ({ path, line, object }) => `${path}:${line}: a ${object.kind} means nothing to a proxy`,
      ),
    ]
    return { kind: 'good', changes, versions, remarks, objects: objects.length }
  }
}

/** What is not as it was. @param all everything that there is now */
function since(
  before: ReadonlyMap<string, string>,
  all: ModelChanges,
  versions: ReadonlyMap<string, string>,
): ModelChanges {
  const gone = [...before.keys()].filter((id) => !versions.has(id))
  return {
    set: all.set.filter((object) => before.get(modelId(object)) !== versions.get(modelId(object))),
    removed: gone.map((id) => {
      const space = id.indexOf(' ')
      const type = id.slice(0, space) as ModelChanges['removed'][number]['type']
      return { type, key: id.slice(space + 1) }
    }),
  }
}

function placeOf(remark: Remark, objects: readonly PlacedObject[]): string {
  const found = objects.find(
    ({ object }) =>
      remark.kind.endsWith(object.kind) &&
      object.metadata.name === remark.name &&
      (object.metadata.namespace ?? '') === (remark.namespace ?? ''),
  )
  const name = `${remark.kind} ${remark.namespace === undefined ? '' : `${remark.namespace}/`}${remark.name}: `
  return found === undefined ? name : `${found.path}:${found.line}: ${name}`
}
