/** What a service has decided over a request. */
export type AuthorizationAnswer =
  | {
      readonly kind: 'allowed'
      /** Fields that go on with the request, in the place of its own. */
      readonly set: readonly (readonly [name: string, value: string])[]
      readonly append: readonly (readonly [name: string, value: string])[]
      readonly remove: readonly string[]
      /** Lines of the answer to the client. */
      readonly responseLines: string
    }
  | {
      readonly kind: 'denied'
      readonly status: number
      readonly lines: string
      readonly contentType: string | undefined
      readonly body: string
    }
  /** It has not decided. */
  | { readonly kind: 'failed'; readonly detail: string }
