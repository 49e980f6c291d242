/** istioctl's exit codes. @see istioctl/cmd/sysexits.go */
export const ExitCode = { unknown: 1, usage: 64, data: 65, unavailable: 69, analyzeFoundIssues: 79 } as const

/** Something the user can mend: said in one line, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  constructor(message: string, exitCode: number = ExitCode.unknown) {
    super(message)
    this.exitCode = exitCode
  }
}

export function exitWith(code: number): never {
  process.exit(code)
}
