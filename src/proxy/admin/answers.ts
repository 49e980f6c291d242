import type { AdminAnswer } from './types.ts'

export const TEXT = 'text/plain; charset=UTF-8'

export function text(body: string, status = 200): AdminAnswer {
  return { status, type: TEXT, body }
}

export function json(value: unknown): AdminAnswer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` }
}
