import type { ModelChanges } from '../proxy/index.ts'
import type { FileText } from './files.ts'
import type { ConfigurationProblem } from './problem.ts'

/** What a loading process begins with. */
export interface LoadingBirth {
  /** MeshConfig where the files have none of their own. */
  readonly meshConfig: Readonly<Record<string, unknown>>
  /** The versions of the objects that the proxy has, by type and key: a process before this one has told it of them. */
  readonly known: ReadonlyMap<string, string>
  /** Where compiled code is kept, which makes its start several times as quick. */
  readonly cacheDirectory: string | undefined
}

export type LoadingMessage =
  | ({ readonly op: 'begin' } & LoadingBirth)
  | { readonly op: 'load'; readonly files: readonly FileText[] }

export type LoadAnswer =
  | { readonly kind: 'bad'; readonly problems: readonly ConfigurationProblem[] }
  | {
      readonly kind: 'good'
      readonly changes: ModelChanges
      /** Of the objects that are set. */
      readonly versions: ReadonlyMap<string, string>
      /** What does not do what its author may think, with its place. */
      readonly remarks: readonly string[]
      readonly objects: number
    }

export function modelId({ type, key }: { readonly type: string; readonly key: string }): string {
  return `${type} ${key}`
}
