/** What a command is called with. */
export interface CommandCall {
  /** The command's own options and the global ones, as commander names them. */
  readonly options: Readonly<Record<string, unknown>>
  readonly positional: readonly string[]
}

/** The text of an option; commander gives texts for every option that takes a value. */
export function textOption(call: CommandCall, name: string): string | undefined {
  const value = call.options[name]
  return typeof value === 'string' ? value : undefined
}
