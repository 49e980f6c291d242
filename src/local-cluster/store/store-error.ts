/** The database cannot be opened, read or written; the message says which file and what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
