/** What a command is called with. */
export interface CommandCall {
  /** The command's own options and the global ones, as commander names them. */
  readonly options: Readonly<Record<string, unknown>>
  readonly positional: readonly string[]
}
