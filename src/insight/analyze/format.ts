import { unreachable } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { friendlyName } from './analyze.ts'
import { LEVELS, type Level, type Message } from './messages.ts'

export type OutputFormat = 'log' | 'json' | 'yaml'

export interface FormatOptions {
  readonly format?: OutputFormat
  /** Levels in colour, for terminals. */
  readonly color?: boolean
  /** Where an object was read from: `file.yaml:12`; absent for a cluster's. */
  readonly referenceOf?: (object: KubeObject) => string | undefined
}

/** The messages as istioctl prints them, without a newline at the end; empty text for none in the `log` format. */
export function formatMessages(messages: readonly Message[], options: FormatOptions = {}): string {
  const format = options.format ?? 'log'
  switch (format) {
    case 'log':
      return messages.map((message) => formatLine(message, options)).join('\n')
    case 'json':
      return escapeAsGo(
        JSON.stringify(
          messages.map((message) => toRecord(message, options)),
          undefined,
          '\t',
        ),
      )
    case 'yaml':
      return formatYaml(messages.map((message) => toRecord(message, options)))
    default:
      return unreachable(format)
  }
}

const COLORS: Readonly<Record<Level, string>> = { Error: '\x1b[1;31m', Warning: '\x1b[33m', Info: '' }

function formatLine(message: Message, options: FormatOptions): string {
  const { level, code, text, object } = message
  const reference = options.referenceOf?.(object)
  const origin = reference === undefined ? friendlyName(object) : `${friendlyName(object)} ${reference}`
  const shown = options.color === true ? `${COLORS[level]}${level}\x1b[0m` : level
  return `${shown} [${code}] (${origin}) ${text}`
}

/** Members in the order of their names, as Go writes a map. */
function toRecord(message: Message, options: FormatOptions): Readonly<Record<string, string>> {
  const reference = options.referenceOf?.(message.object)
  return {
    code: message.code,
    documentationUrl: documentationUrl(message.code),
    level: message.level,
    message: message.text,
    origin: friendlyName(message.object),
    ...(reference === undefined ? {} : { reference }),
  }
}

const DOCUMENTATION = 'https://istio.io/latest/docs/reference/config/analysis'

function documentationUrl(code: string): string {
  return `${DOCUMENTATION}/${code.toLowerCase()}/?ref=istioctl-analyze`
}

function escapeAsGo(json: string): string {
  return json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)
}

function formatYaml(records: readonly Readonly<Record<string, string>>[]): string {
  if (records.length === 0) return '[]'
  return records
    .map((record) =>
      Object.entries(record)
        .map(([name, value], i) => `${i === 0 ? '- ' : '  '}${name}: ${yamlScalar(value)}`)
        .join('\n'),
    )
    .join('\n')
}

/** Plain where YAML reads it back as the same text, otherwise in double quotes, which JSON's are. */
function yamlScalar(text: string): string {
  const isPlain =
    /^[A-Za-z][^\n\t]*[^\s:]$/.test(text) &&
    !/: | #/.test(text) &&
    !/^(true|false|null|yes|no|on|off)$/i.test(text)
  return isPlain ? text : JSON.stringify(text)
}

export interface Report {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

export interface ReportOptions extends FormatOptions {
  /** What was analyzed, as in `namespace: demo`, `all namespaces` or file names. */
  readonly target: string
  readonly outputThreshold?: Level
  readonly failureThreshold?: Level
}

/** istioctl's exit code for a problem found, so that scripts tell it from a failure to look. */
const EXIT_FOUND_ISSUES = 79

/**
 * Everything that the command says: messages from the output threshold up on standard output, the verdict on standard
 * error, and the exit code, which the failure threshold alone decides (and, as in istioctl, only in the `log` format).
 */
export function reportMessages(messages: readonly Message[], options: ReportOptions): Report {
  const shown = messages.filter((message) => isAtLeast(message.level, options.outputThreshold ?? 'Info'))
  const failed = messages.some((message) => isAtLeast(message.level, options.failureThreshold ?? 'Error'))
  const output = formatMessages(shown, options)
  const isLog = (options.format ?? 'log') === 'log'
  const verdicts: string[] = []
  if (shown.length === 0) verdicts.push(`✔ No validation issues found when analyzing ${options.target}.\n`)
  if (failed && isLog) {
    verdicts.push(
      `Error: Analyzers found issues when analyzing ${options.target}.\n` +
        `See ${DOCUMENTATION} for more information about causes and resolutions.\n`,
    )
  }
  return {
    stdout: output === '' ? '' : `${output}\n`,
    stderr: verdicts.join(''),
    exitCode: failed && isLog ? EXIT_FOUND_ISSUES : 0,
  }
}

export function isAtLeast(level: Level, threshold: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(threshold)
}
