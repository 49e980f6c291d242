import { notAcceptable } from './status-error.ts'

/** The shape of the answer that the client asked for. */
export type OutputShape =
  | { readonly kind: 'plain' }
  | { readonly kind: 'table'; readonly version: string }
  | { readonly kind: 'metadata'; readonly version: string }

export interface Negotiated {
  readonly format: 'json' | 'yaml'
  readonly shape: OutputShape
}

/** Answers in protobuf are not made; who asks for them takes JSON as well. */
const REPRESENTATIONS = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
] as const

const PLAIN_JSON: Negotiated = { format: 'json', shape: { kind: 'plain' } }

/**
 * Picks the first acceptable media type of an Accept header; answers are JSON or YAML, also for clients that
 * would rather have protobuf (they all accept JSON as well).
 * @throws StatusError 406 when nothing listed can be had
 */
export function negotiate(accept: string | undefined): Negotiated {
  if (accept === undefined || accept.trim() === '') return PLAIN_JSON
  let isKnown = false
  for (const range of accept.split(',')) {
    const { type, parameters } = parseMediaType(range)
    const format = formatOf(type)
    isKnown ||= format !== undefined
    const shape = shapeOf(parameters)
    if (format && shape) return { format, shape }
  }
  throw notAcceptable(REPRESENTATIONS, isKnown)
}

export interface MediaType {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

export function parseMediaType(text: string): MediaType {
  const [type, ...rest] = text.split(';')
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const equals = parameter.indexOf('=')
    if (equals > 0)
      parameters.set(parameter.slice(0, equals).trim().toLowerCase(), parameter.slice(equals + 1).trim())
  }
  return { type: (type ?? '').trim().toLowerCase(), parameters }
}

function formatOf(type: string): Negotiated['format'] | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  if (type === 'application/yaml') return 'yaml'
  return undefined
}

function shapeOf(parameters: ReadonlyMap<string, string>): OutputShape | undefined {
  const as = parameters.get('as')
  if (as === undefined) return { kind: 'plain' }
  const version = parameters.get('v') ?? ''
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined
  if (as === 'Table') return { kind: 'table', version }
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { kind: 'metadata', version }
  return undefined
}
