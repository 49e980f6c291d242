import { type KeyObject, sign } from 'node:crypto'

/*
 * The certificate library that the control plane has would be ten megabytes more in every proxy; a request without
 * names is three fields.
 */

const TAG = { integer: 0x02, bitString: 0x03, objectId: 0x06, sequence: 0x30, attributes: 0xa0 } as const
/** ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758, 3.2) */
const ECDSA_WITH_SHA256 = Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])

/**
 * A PKCS#10 request (RFC 2986) for a key on P-256, in PEM. It names nobody: an authority of a mesh goes by who asks.
 */
export function certificateRequest(key: {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}): string {
  const info = der(
    TAG.sequence,
    der(TAG.integer, Buffer.from([0])),
    der(TAG.sequence),
    key.publicKey.export({ type: 'spki', format: 'der' }),
    der(TAG.attributes),
  )
  const signature = sign('sha256', info, { key: key.privateKey, dsaEncoding: 'der' })
  const request = der(
    TAG.sequence,
    info,
    der(TAG.sequence, der(TAG.objectId, ECDSA_WITH_SHA256)),
    // No bit of the last byte is unused.
    der(TAG.bitString, Buffer.from([0]), signature),
  )
  const lines = request.toString('base64').replaceAll(/(.{64})(?!$)/g, '$1\n')
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

/** Definite form, in as few bytes as it takes (X.690, 8.1.3 and 10.1). */
function lengthOf(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes])
  return bytes < 0x100 ? Buffer.from([0x81, bytes]) : Buffer.from([0x82, bytes >> 8, bytes & 0xff])
}
