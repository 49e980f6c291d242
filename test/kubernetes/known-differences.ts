/** Group → case → why our answer may differ. A difference that is not here fails, and so does a line without one. */
export const KNOWN_DIFFERENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {}
