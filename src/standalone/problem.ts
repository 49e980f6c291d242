/** Of use to both sides of the loading process, so it imports neither. */
export interface ConfigurationProblem {
  readonly path: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** `routes.yaml:12:5: spec.hosts: Required value` */
export function formatProblem(problem: ConfigurationProblem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`
}
