/** Why answers may differ, and which. A difference that is not here fails, and so does a case here that is equal. */
export const KNOWN_DIFFERENCES: readonly { readonly reason: string; readonly cases: readonly string[] }[] = []
