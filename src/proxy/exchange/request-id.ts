import { textOf } from '../http1/latin1.ts'

const IDS_PER_FILL = 256
const ID_BYTES = 16
const TEXT_BYTES = 36
const HYPHEN = 45
/** The first and the last byte before which a hyphen stands; between them every second one. */
const [GROUP_FIRST, GROUP_LAST] = [4, 10]
const HEX = Buffer.from('0123456789abcdef', 'latin1')

/**
 * Random UUIDs (RFC 9562, version 4), as Envoy's request ids are. Node's own are put together of twenty strings, which
 * are then copied once more to be sent; these are one.
 * @param fill with random bytes that nobody can predict
 */
export function createRequestIds(fill: (bytes: Buffer) => void): () => string {
  const random = Buffer.allocUnsafeSlow(IDS_PER_FILL * ID_BYTES)
  const text = Buffer.allocUnsafeSlow(TEXT_BYTES)
  let at = random.length
  return () => {
    if (at === random.length) {
      fill(random)
      at = 0
    }
    random[at + 6] = ((random[at + 6] as number) & 0x0f) | 0x40
    random[at + 8] = ((random[at + 8] as number) & 0x3f) | 0x80
    let to = 0
    for (let i = 0; i < ID_BYTES; i++) {
      const byte = random[at + i] as number
      if (i >= GROUP_FIRST && i <= GROUP_LAST && i % 2 === 0) text[to++] = HYPHEN
      text[to++] = HEX[byte >>> 4] as number
      text[to++] = HEX[byte & 15] as number
    }
    at += ID_BYTES
    return textOf(text, 0, TEXT_BYTES)
  }
}
