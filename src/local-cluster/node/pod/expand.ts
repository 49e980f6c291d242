/**
 * Replaces `$(NAME)` by the variable's value; `$$(NAME)` stands for the text `$(NAME)`, and a name that is not
 * defined stays as it is written.
 * @see Kubernetes EnvVar.value
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$'
    return variables.get(name) ?? whole
  })
}
