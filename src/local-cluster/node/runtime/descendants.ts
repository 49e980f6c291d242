import { readFileSync } from 'node:fs'

/** Processes looked at in one container: enough for any real one, a bound for a fork bomb. */
const PROCESSES_MAX = 4096

/** The process and all that descend from it, parents first. */
export function descendantsOf(pid: number): readonly number[] {
  const found = [pid]
  for (let index = 0; index < found.length && found.length < PROCESSES_MAX; index += 1)
    found.push(...childrenOf(found[index] ?? 0))
  return found
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return [] // it ended between two looks
  }
}
