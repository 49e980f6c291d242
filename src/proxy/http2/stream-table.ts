import type { Stream, StreamTable } from './types.ts'

const SLOTS_FIRST = 8

export function createStreamTable(): StreamTable {
  return { slots: emptySlots(SLOTS_FIRST), size: 0 }
}

function emptySlots(count: number): (Stream | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}

/** Numbers of one side are all odd or all even; those that have none yet are negative. */
function slotOf(table: StreamTable, id: number): number {
  return (id >> 1) & (table.slots.length - 1)
}

export function findStream(table: StreamTable, id: number): Stream | undefined {
  let stream = table.slots[slotOf(table, id)]
  while (stream !== undefined && stream.id !== id) stream = stream.nextInSlot
  return stream
}

export function addStream(table: StreamTable, stream: Stream): void {
  if (table.size >= table.slots.length * 2) enlarge(table)
  const slot = slotOf(table, stream.id)
  stream.nextInSlot = table.slots[slot]
  table.slots[slot] = stream
  table.size++
}

export function removeStream(table: StreamTable, stream: Stream): void {
  const slot = slotOf(table, stream.id)
  const { slots } = table
  let before: Stream | undefined
  let at = slots[slot]
  while (at !== undefined && at !== stream) {
    before = at
    at = at.nextInSlot
  }
  if (at === undefined) return
  if (before === undefined) slots[slot] = stream.nextInSlot
  else before.nextInSlot = stream.nextInSlot
  stream.nextInSlot = undefined
  table.size--
}

function enlarge(table: StreamTable): void {
  const streams = listStreams(table)
  table.slots = emptySlots(table.slots.length * 4)
  table.size = 0
  for (const stream of streams) addStream(table, stream)
}

/** All of them, in no order; the list is the caller's own, so that streams may come and go meanwhile. */
export function listStreams(table: StreamTable): Stream[] {
  const streams: Stream[] = []
  for (const first of table.slots) {
    for (let stream = first; stream !== undefined; stream = stream.nextInSlot) streams.push(stream)
  }
  return streams
}
