/** How one try of a probe or hook went; the message is the event's. */
export type ProbeOutcome = { readonly ok: true } | { readonly ok: false; readonly message: string }
