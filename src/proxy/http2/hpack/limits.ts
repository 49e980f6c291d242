/** What each entry of a table counts beside its name and value (RFC 7541, 4.1). */
export const ENTRY_OVERHEAD = 32
/** The size of both tables until a peer says otherwise; also the most that the encoder uses. */
export const TABLE_SIZE_DEFAULT = 4096
