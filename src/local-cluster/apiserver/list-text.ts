import type { KubeObject } from '../../kube/index.ts'
import type { JsonObject } from './json.ts'

/** JSON texts of objects as lists hold them, so that an object that did not change is not encoded again. */
export interface ObjectTexts {
  /** @param shape names what `shaped` is made of `object` by: another shape has another text */
  readonly textOf: (object: KubeObject, shape: string, shaped: () => unknown) => string
}

type Generation = WeakMap<KubeObject, { readonly shape: string; readonly text: string }>

/** So many characters of text are kept twice at most; a list of 1,000 small objects has half a million. */
const KEPT_CHARACTERS = 16 * 1024 * 1024

/**
 * Remembers in two generations: when the newer one is full the older is dropped, so what lists ask for again stays,
 * and the rest is gone after a while. A text goes with its object at the latest.
 */
export function createObjectTexts(keptCharacters = KEPT_CHARACTERS): ObjectTexts {
  let newer: Generation = new WeakMap()
  let older: Generation = new WeakMap()
  let characters = 0
  const keep = (object: KubeObject, shape: string, text: string) => {
    characters += text.length
    if (characters > keptCharacters) {
      older = newer
      newer = new WeakMap()
      characters = text.length
    }
    newer.set(object, { shape, text })
    return text
  }
  return {
    textOf(object, shape, shaped) {
      const recent = newer.get(object)
      if (recent?.shape === shape) return recent.text
      const old = older.get(object)
      return keep(object, shape, old?.shape === shape ? old.text : JSON.stringify(shaped()))
    },
  }
}

/** Encoding so much takes less than a millisecond: what else waits goes on between two pieces. */
const PIECE_CHARACTERS = 256 * 1024

/** The JSON text of a list in pieces. @param list without items @param textOf the text of the item at an index */
export function* listPieces(
  list: JsonObject,
  count: number,
  textOf: (index: number) => string,
): Generator<string> {
  const { items: _, ...rest } = list
  let texts: string[] = []
  let characters = 0
  let start = `${JSON.stringify(rest).slice(0, -1)},"items":[`
  for (let index = 0; index < count; index += 1) {
    const text = textOf(index)
    texts.push(text)
    characters += text.length
    if (characters < PIECE_CHARACTERS || index === count - 1) continue
    yield start + texts.join(',')
    start = ','
    texts = []
    characters = 0
  }
  yield `${start}${texts.join(',')}]}`
}
