import {
  FIELD_STRIDE,
  type HeadBlock,
  MARK_DROPPED,
  MARK_REWRITE,
  MARKS,
  NAME_END,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from './head-block.ts'
import { type OutBuffer, putBytes, putSlice, putText } from './out-buffer.ts'

/**
 * Writes all fields that are not dropped; neither the added lines nor the empty line. Neighbouring lines are copied as
 * one run, since the scanner has left them in the form in which they go out.
 */
export function putFields(out: OutBuffer, block: HeadBlock): void {
  const { fields, count } = block
  const bytes = block.cased ?? block.bytes
  const base = block.cased === undefined ? block.base : 0
  let runStart = -1
  let runEnd = 0
  for (let index = 0, at = 0; index < count; index++, at += FIELD_STRIDE) {
    const marks = fields[at + MARKS] as number
    if ((marks & (MARK_DROPPED | MARK_REWRITE)) === 0) {
      if (runStart < 0) runStart = fields[at + NAME_START] as number
      runEnd = (fields[at + VALUE_END] as number) + 2
      continue
    }
    if (runStart >= 0) putSlice(out, bytes, base + runStart, base + runEnd)
    runStart = -1
    if ((marks & MARK_DROPPED) === 0) putField({ out, fields, bytes, base }, at)
  }
  if (runStart >= 0) putSlice(out, bytes, base + runStart, base + runEnd)
}

interface Place {
  readonly out: OutBuffer
  readonly fields: Int32Array
  readonly bytes: Buffer
  readonly base: number
}

function putField({ out, fields, bytes, base }: Place, at: number): void {
  putSlice(out, bytes, base + (fields[at + NAME_START] as number), base + (fields[at + NAME_END] as number))
  putText(out, ': ')
  putSlice(out, bytes, base + (fields[at + VALUE_START] as number), base + (fields[at + VALUE_END] as number))
  putText(out, '\r\n')
}

/** Writes the lines that filters added. */
export function putAdded(out: OutBuffer, block: HeadBlock): void {
  for (const line of block.added) {
    if (typeof line === 'string') putText(out, line)
    else putBytes(out, line)
  }
}
