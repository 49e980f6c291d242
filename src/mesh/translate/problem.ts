import type { Origin } from '../../model/index.ts'

/** Something that a user wrote and the mesh does not do, or not as written. Logged by istiod, shown by `analyze`. */
export interface Problem {
  /** `<kind>/<namespace>/<name>/<number>` */
  readonly key: string
  readonly origin: Origin
  readonly message: string
}

export function problemsOf(origin: Origin, messages: readonly string[]): readonly Problem[] {
  return [...new Set(messages)].map((message, index) => ({
    key: `${origin.kind}/${origin.namespace}/${origin.name}/${index}`,
    origin,
    message,
  }))
}
