import { checkLogFormat, parseCollector, type TelemetryOptions } from '../standalone/index.ts'
import { type CommandCall, textOption } from './command-call.ts'
import { CliError, ExitCode } from './exit.ts'

/** What `serve` logs and traces. A format or an encoding asks for the log as well. */
export function telemetryOptions(call: CommandCall): {
  readonly accessLog: boolean
  readonly telemetry: TelemetryOptions
} {
  const format = textOption(call, 'accessLogFormat')?.replaceAll(String.raw`\n`, '\n')
  const encoding = textOption(call, 'accessLogEncoding')?.toUpperCase() ?? 'TEXT'
  if (encoding !== 'TEXT' && encoding !== 'JSON')
    throw new CliError(`--access-log-encoding is TEXT or JSON, not ${encoding}`, ExitCode.usage)
  const problem = checkLogFormat(format, encoding)
  if (problem !== undefined) throw new CliError(`--access-log-format: ${problem}`, ExitCode.usage)
  const collector = collectorOption(call)
  return {
    accessLog: call.options['accessLog'] === true || format !== undefined || encoding === 'JSON',
    telemetry: {
      ...(format !== undefined && { accessLogFormat: format }),
      accessLogEncoding: encoding,
      ...(collector !== undefined && { collector }),
      samplingPercent: percentOption(call),
    },
  }
}

function collectorOption(call: CommandCall): TelemetryOptions['collector'] {
  const text = textOption(call, 'otlpEndpoint')
  if (text === undefined) return undefined
  const collector = parseCollector(text)
  if (!collector.ok) throw new CliError(`--otlp-endpoint: ${collector.error}`, ExitCode.usage)
  return collector.value
}

function percentOption(call: CommandCall): number {
  const text = textOption(call, 'traceSampling') ?? '1'
  const percent = Number(text)
  if (percent >= 0 && percent <= 100) return percent
  throw new CliError(`--trace-sampling is a percentage from 0 to 100, not ${text}`, ExitCode.usage)
}
