import type { Server } from './servers.ts'
export async function measureAll(_options: {
  directory: string
  print: (line: string) => void
  ours: () => Promise<Server>
  reference: () => Promise<Server>
}): Promise<void> {}
