import type { IncomingMessage } from 'node:http'

const BODY_BYTES_MAX = 64 * 1024

/** The JSON object in the request's body; undefined when there is none, it is something else, or it is longer than 64 KiB. */
export async function readJson(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  // A body that is too long is read to its end, not kept: an early answer on a busy connection would be lost.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= BODY_BYTES_MAX) chunks.push(chunk)
  }
  if (length > BODY_BYTES_MAX) return undefined
  return parseObject(Buffer.concat(chunks).toString())
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
