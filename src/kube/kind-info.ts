/** A column of `kubectl get`: where its cell comes from is the kind's own code, or a JSONPath for custom resources. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string
  readonly description?: string
  /** 0 is always shown, 1 with `-o wide` */
  readonly priority?: number
  /** custom resources only */
  readonly jsonPath?: string
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

/** One resource of the API: everything that discovery, routing and printing need to know of it. */
export interface ResourceInfo {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly listKind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  /** `status`, `scale`, `log`, `exec`, `eviction`, `token`… */
  readonly subresources: readonly string[]
  readonly verbs: readonly Verb[]
  readonly printerColumns: readonly PrinterColumn[]
  /** JSONPaths of fields that lists may be selected by; of built-in kinds the API server knows them */
  readonly selectableFields?: readonly string[]
  /** what every client of this version is told */
  readonly deprecationWarning?: string
  /** false for kinds that only answer a question (TokenReview) and are never stored */
  readonly stored: boolean
}
