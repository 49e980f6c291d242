import { getOwn, isRecord } from './json.ts'

/** The part of JSONPath that CustomResourceDefinitions use: fields, indexes, `[*]`, `['key']` and `[?(@.a=="b")]`. */

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | {
      readonly kind: 'filter'
      readonly path: readonly Step[]
      readonly operator: '==' | '!='
      readonly value: string
    }

export type JsonPath = (root: unknown) => readonly unknown[]

/** Paths are short; a longer one is a mistake. */
const PATH_LENGTH_MAX = 4096

/** @returns the values found, in document order; undefined for text that is not such a path */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps = parseSteps(text.replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, ''))
  return (
    steps &&
    ((root) =>
      steps.reduce<readonly unknown[]>((values, step) => values.flatMap((v) => take(v, step)), [root]))
  )
}

function parseSteps(text: string): readonly Step[] | undefined {
  if (text.length > PATH_LENGTH_MAX) return undefined
  const steps: Step[] = []
  let rest = text
  while (rest !== '' && rest !== '.') {
    const parsed = parseStep(rest)
    if (!parsed) return undefined
    steps.push(parsed.step)
    rest = rest.slice(parsed.length)
  }
  return steps
}

function parseStep(text: string): { readonly step: Step; readonly length: number } | undefined {
  const field = /^\.?((?:\\.|[^.[\]\\])+)/.exec(text)
  if (field && !text.startsWith('[')) {
    const name = (field[1] ?? '').replace(/\\(.)/g, '$1')
    return { step: name === '*' ? { kind: 'all' } : { kind: 'field', name }, length: field[0].length }
  }
  const key = /^\.?\[(?:'([^']*)'|"([^"]*)")\]/.exec(text)
  if (key) return { step: { kind: 'field', name: key[1] ?? key[2] ?? '' }, length: key[0].length }
  const index = /^\.?\[(\*|-?\d{1,9})\]/.exec(text)
  if (index) {
    const step: Step = index[1] === '*' ? { kind: 'all' } : { kind: 'index', index: Number(index[1]) }
    return { step, length: index[0].length }
  }
  const filter = /^\.?\[\?\(\s*@([^=!]*?)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*\)\]/.exec(text)
  const path = filter && parseSteps(filter[1] ?? '')
  if (!filter || !path) return undefined
  const value = filter[3] ?? filter[4] ?? filter[5] ?? ''
  return {
    step: { kind: 'filter', path, operator: filter[2] === '!=' ? '!=' : '==', value },
    length: filter[0].length,
  }
}

function take(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'field': {
      const found = isRecord(value) ? getOwn(value, step.name) : undefined
      return found === undefined ? [] : [found]
    }
    case 'index':
      return Array.isArray(value) ? value.slice(step.index).slice(0, 1) : []
    case 'all':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : []
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(item, step)) : []
  }
}

function passes(item: unknown, filter: Extract<Step, { kind: 'filter' }>): boolean {
  const found = filter.path.reduce<readonly unknown[]>(
    (values, step) => values.flatMap((v) => take(v, step)),
    [item],
  )
  return found.some((value) => (String(value) === filter.value) === (filter.operator === '=='))
}
