/** The proxies that a policy is for. */
export interface PolicyScope {
  /** Absent: of the whole mesh. */
  readonly namespace?: string
  /** Of the workload; empty: all of them. */
  readonly labels: Readonly<Record<string, string>>
}

export function isInScope(
  scope: PolicyScope,
  proxy: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (scope.namespace !== undefined && scope.namespace !== proxy.namespace) return false
  return Object.entries(scope.labels).every(([name, value]) => proxy.labels[name] === value)
}
