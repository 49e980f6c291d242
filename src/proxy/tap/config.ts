import { fail, messageOf, ok, onDemand, type Result } from '../../base/index.ts'
import { compileMatch, isMembers, type TapMatch } from './match.ts'

const yaml = onDemand<typeof import('yaml')>(import.meta, 'yaml')

/** What a tap was asked for. */
export interface TapConfig {
  readonly match: TapMatch
  /** Of each body; the rest is only counted. */
  readonly requestBytesMax: number
  readonly responseBytesMax: number
  readonly bodies: 'string' | 'bytes'
}

/** Envoy's default for what is buffered of a body. */
const BUFFERED_BYTES = 1024
const BUFFERED_BYTES_MAX = 64 * 1024

/** @param text JSON or YAML of Envoy's TapRequest; @returns what is wrong with it and where */
export function parseTapConfig(text: string): Result<TapConfig, string> {
  let value: unknown
  try {
    value = yaml().parse(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch (error) {
    return fail(`is neither JSON nor YAML: ${messageOf(error)}`)
  }
  const config = isMembers(value) ? (value['tap_config'] ?? value['tapConfig']) : undefined
  if (!isMembers(config)) return fail('tap_config must be an object')
  const match = compileMatch(config['match'] ?? config['match_config'], 'tap_config.match')
  if (!match.ok) return match
  const output = isMembers(config['output_config']) ? config['output_config'] : {}
  if (output['streaming'] === true)
    return fail('tap_config.output_config.streaming is not supported: a whole exchange is told at its end')
  const bodies = bodyFormat(output)
  if (!bodies.ok) return bodies
  const request = bytesOf(output, 'max_buffered_rx_bytes')
  if (!request.ok) return request
  const response = bytesOf(output, 'max_buffered_tx_bytes')
  if (!response.ok) return response
  return ok({
    match: match.value,
    bodies: bodies.value,
    requestBytesMax: request.value,
    responseBytesMax: response.value,
  })
}

function bodyFormat(output: Readonly<Record<string, unknown>>): Result<TapConfig['bodies'], string> {
  const sinks = output['sinks'] ?? []
  if (!Array.isArray(sinks) || sinks.length > 1)
    return fail('tap_config.output_config.sinks must have one sink')
  const sink: unknown = sinks[0] ?? {}
  const at = 'tap_config.output_config.sinks[0]'
  if (!isMembers(sink)) return fail(`${at} must be an object`)
  const other = Object.keys(sink).find((name) => name !== 'format' && name !== 'streaming_admin')
  if (other !== undefined) return fail(`${at}.${other} is not supported; streaming_admin is`)
  const format = sink['format'] ?? 'JSON_BODY_AS_BYTES'
  if (format === 'JSON_BODY_AS_BYTES') return ok('bytes')
  if (format === 'JSON_BODY_AS_STRING') return ok('string')
  return fail(`${at}.format must be JSON_BODY_AS_BYTES or JSON_BODY_AS_STRING`)
}

function bytesOf(output: Readonly<Record<string, unknown>>, name: string): Result<number, string> {
  const bytes = output[name] ?? BUFFERED_BYTES
  if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= BUFFERED_BYTES_MAX)
    return ok(bytes)
  return fail(`tap_config.output_config.${name} must be an integer from 0 to ${BUFFERED_BYTES_MAX}`)
}
