export type Reply =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bulk'; readonly value: Buffer | undefined }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }

export const OK: Reply = { kind: 'simple', text: 'OK' }
export const NIL: Reply = { kind: 'bulk', value: undefined }

export function bulk(text: string): Reply {
  return { kind: 'bulk', value: Buffer.from(text, 'latin1') }
}

export function integer(value: number): Reply {
  return { kind: 'integer', value }
}

export function array(items: readonly Reply[]): Reply {
  return { kind: 'array', items }
}

/** @param text begins with the error's code, `ERR` in most cases */
export function error(text: string): Reply {
  return { kind: 'error', text }
}

/** The bytes of a reply in RESP2. */
export function encodeReply(reply: Reply): Buffer {
  const parts: Buffer[] = []
  write(reply, parts)
  return Buffer.concat(parts)
}

function write(reply: Reply, parts: Buffer[]): void {
  switch (reply.kind) {
    case 'simple':
      parts.push(Buffer.from(`+${reply.text}\r\n`, 'latin1'))
      return
    case 'error':
      // A line break inside would end the error and begin another reply.
      parts.push(Buffer.from(`-${reply.text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1'))
      return
    case 'integer':
      parts.push(Buffer.from(`:${reply.value}\r\n`))
      return
    case 'bulk':
      if (reply.value === undefined) parts.push(Buffer.from('$-1\r\n'))
      else parts.push(Buffer.from(`$${reply.value.length}\r\n`), reply.value, Buffer.from('\r\n'))
      return
    case 'array':
      parts.push(Buffer.from(`*${reply.items.length}\r\n`))
      for (const item of reply.items) write(item, parts)
  }
}
