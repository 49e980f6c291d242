/** Character classes of RFC 9110 and 9112 as tables: one load per byte of a head. */

/** `tchar` → its lower case; 0 for a byte that no field name or method may hold. */
export const NAME_LOWER: Uint8Array = nameTable()

/** 1 for a byte that a field value may hold: HTAB, SP, VCHAR and obs-text. */
export const VALUE_BYTE: Uint8Array = table((code) => code === 9 || (code >= 32 && code !== 127))

/** 1 for a byte that a request target may hold: VCHAR without `#`, which no client may send. */
export const TARGET_BYTE: Uint8Array = table((code) => code > 32 && code < 127 && code !== 35)

/** 1 for a byte of a host name, an IPv4 address or the port after it (reg-name without percent-encoding). */
export const HOST_BYTE: Uint8Array = table((code) =>
  /[A-Za-z0-9._~!$&'()*+;=-]/.test(String.fromCharCode(code)),
)

/** Value of a hexadecimal digit; 255 for any other byte. */
export const HEX_VALUE: Uint8Array = hexTable()

function table(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (holds(code) ? 1 : 0))
}

function nameTable(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => {
    const text = String.fromCharCode(code)
    return code < 128 && /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(text) ? text.toLowerCase().charCodeAt(0) : 0
  })
}

function hexTable(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => {
    const text = String.fromCharCode(code)
    return code < 128 && /[0-9A-Fa-f]/.test(text) ? Number.parseInt(text, 16) : 255
  })
}
