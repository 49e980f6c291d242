import type { Clock } from '../../base/index.ts'

/** A deadline that is linked into the wheel without allocating: keep one per connection or exchange. */
export interface WheelTimer {
  deadline: number
  readonly callback: () => void
  previous: WheelTimer | undefined
  next: WheelTimer | undefined
  slot: number
}

/**
 * Timeouts for many holders: setting and clearing one is linking a list node, and one clock timer serves them all.
 * Late by one tick at most; never early.
 */
export interface TimerWheel {
  readonly set: (timer: WheelTimer, ms: number) => void
  readonly clear: (timer: WheelTimer) => void
  readonly isSet: (timer: WheelTimer) => boolean
  /** Stops the clock timer; timers that are set never fire. */
  readonly close: () => void
}

const FINE_MS = 4
const COARSE_MS = 1024
const SLOTS = 256
const NO_SLOT = -1
/** Behind those of the wheels: what is due, while it is run. */
const FIRING = SLOTS * 2

export function createWheelTimer(callback: () => void): WheelTimer {
  return { deadline: 0, callback, previous: undefined, next: undefined, slot: NO_SLOT }
}

/**
 * Two wheels: slots of 4 ms for what falls due within a second, slots of 1 s for the rest, whose timers move to the
 * fine wheel when their second comes.
 */
export function createTimerWheel(clock: Clock): TimerWheel {
  const slots: (WheelTimer | undefined)[] = Array.from({ length: SLOTS * 2 + 1 })
  let count = 0
  let fineTick = Math.floor(clock.monotonic() / FINE_MS)
  let coarseTick = Math.floor(clock.monotonic() / COARSE_MS)
  let wakeAt = Number.POSITIVE_INFINITY
  let cancelWake: (() => void) | undefined
  let closed = false

  function link(timer: WheelTimer, now: number): void {
    const fine = timer.deadline - now < COARSE_MS
    const tick = fine
      ? Math.max(Math.ceil(timer.deadline / FINE_MS), fineTick + 1)
      : Math.max(Math.floor(timer.deadline / COARSE_MS), coarseTick + 1)
    linkTo(fine ? tick % SLOTS : SLOTS + (tick % SLOTS), timer)
    wakeBy(fine ? tick * FINE_MS : tick * COARSE_MS)
  }

  function linkTo(slot: number, timer: WheelTimer): void {
    const head = slots[slot]
    timer.slot = slot
    timer.next = head
    timer.previous = undefined
    if (head) head.previous = timer
    slots[slot] = timer
  }

  function unlink(timer: WheelTimer): void {
    if (timer.previous) timer.previous.next = timer.next
    else slots[timer.slot] = timer.next
    if (timer.next) timer.next.previous = timer.previous
    timer.previous = timer.next = undefined
    timer.slot = NO_SLOT
  }

  function wakeBy(time: number): void {
    if (time >= wakeAt || closed) return
    cancelWake?.()
    wakeAt = time
    cancelWake = clock.after(Math.max(0, Math.ceil(time - clock.monotonic())), turn)
  }

  /**
   * Runs what is due in one slot; what is not due yet (a later round, or a coarse timer) is linked again first. Callbacks set
   * and clear other timers: those that are due wait in a slot of their own, from which they can be taken like any other.
   */
  function runSlot(slot: number, now: number): void {
    let timer = slots[slot]
    slots[slot] = undefined
    while (timer !== undefined) {
      const { next }: WheelTimer = timer
      if (timer.deadline > now) link(timer, now)
      else linkTo(FIRING, timer)
      timer = next
    }
    for (let due = slots[FIRING]; due; due = slots[FIRING]) {
      unlink(due)
      count--
      due.callback()
    }
  }

  function turn(): void {
    wakeAt = Number.POSITIVE_INFINITY
    cancelWake = undefined
    const now = clock.monotonic()
    const fineEnd = Math.floor(now / FINE_MS)
    const coarseEnd = Math.floor(now / COARSE_MS)
    const coarseFrom = Math.max(coarseTick + 1, coarseEnd - SLOTS + 1)
    coarseTick = coarseEnd
    for (let tick = coarseFrom; tick <= coarseEnd; tick++) runSlot(SLOTS + (tick % SLOTS), now)
    const fineFrom = Math.max(fineTick + 1, fineEnd - SLOTS + 1)
    fineTick = fineEnd
    for (let tick = fineFrom; tick <= fineEnd; tick++) runSlot(tick % SLOTS, now)
    if (count > 0) wakeBy(nextTime(slots, fineTick, coarseTick))
  }

  return {
    set(timer, ms) {
      if (timer.slot !== NO_SLOT) unlink(timer)
      else count++
      const now = clock.monotonic()
      // An idle wheel stands still; bring it to the present before something is linked into it.
      if (count === 1) {
        fineTick = Math.floor(now / FINE_MS)
        coarseTick = Math.floor(now / COARSE_MS)
      }
      timer.deadline = now + ms
      link(timer, now)
    },
    clear(timer) {
      if (timer.slot === NO_SLOT) return
      unlink(timer)
      count--
    },
    isSet: (timer) => timer.slot !== NO_SLOT,
    close() {
      closed = true
      cancelWake?.()
    },
  }
}

/** When the next slot that holds a timer comes up. */
function nextTime(slots: readonly (WheelTimer | undefined)[], fineTick: number, coarseTick: number): number {
  for (let i = 1; i <= SLOTS; i++) {
    if (slots[(fineTick + i) % SLOTS]) {
      const coarse = nextCoarse(slots, coarseTick)
      return Math.min((fineTick + i) * FINE_MS, coarse)
    }
  }
  return nextCoarse(slots, coarseTick)
}

function nextCoarse(slots: readonly (WheelTimer | undefined)[], coarseTick: number): number {
  for (let i = 1; i <= SLOTS; i++) {
    if (slots[SLOTS + ((coarseTick + i) % SLOTS)]) return (coarseTick + i) * COARSE_MS
  }
  return Number.POSITIVE_INFINITY
}
