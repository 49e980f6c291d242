declare const brand: unique symbol

/** A string (or number) that only its maker function may produce; see style.md rule 5. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
