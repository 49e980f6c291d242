import { parseDurationMs } from '../base/index.ts'
import { type CommandCall, textOption } from './command-call.ts'
import { CliError, ExitCode } from './exit.ts'

/** @throws CliError for what is not a whole number from `least` to `most` */
export function countOption(call: CommandCall, name: string, least = 1, most = Infinity): number | undefined {
  const text = textOption(call, name)
  if (text === undefined) return undefined
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < least || count > most) {
    const range = most === Infinity ? `from ${least} on` : `from ${least} to ${most}`
    throw wrong(name, `a whole number ${range}`, text)
  }
  return count
}

/** @throws CliError for what is not a size such as `512Mi` */
export async function bytesOption(call: CommandCall, name: string): Promise<number | undefined> {
  const text = textOption(call, name)
  if (text === undefined) return undefined
  const { parseQuantity, quantityToNumber } = await import('../kube/index.ts')
  const quantity = parseQuantity(text)
  const bytes = quantity === undefined ? 0 : quantityToNumber(quantity)
  if (bytes < 1) throw wrong(name, 'a size such as 512Mi', text)
  return bytes
}

/** @returns milliseconds. @throws CliError for what is not a duration such as `30s` */
export function durationOption(call: CommandCall, name: string): number {
  const text = textOption(call, name) ?? ''
  const ms = parseDurationMs(text)
  if (ms === undefined || ms < 0) throw wrong(name, 'a duration such as 30s', text)
  return ms
}

function wrong(name: string, wanted: string, text: string): CliError {
  const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return new CliError(`--${flag} is ${wanted}, not ${text}`, ExitCode.usage)
}
