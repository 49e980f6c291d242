import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runningProcess, stateDirectory } from '../src/local-cluster/index.ts'

/** The process numbers of what the figures are about. */
export type ClusterProcesses = Readonly<Record<'apiServer' | 'nodeProxy' | 'istiod', number>>

const NAMESPACES = '/run/netns'
/** USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** @throws when one of them does not run */
export function clusterProcesses(root: string): ClusterProcesses {
  const state = stateDirectory(root)
  const recorded = (name: string): number => {
    const running = runningProcess(state.run, name)
    if (!running) throw new Error(`${name} does not run; see ${join(state.logs, `${name}.log`)}`)
    return running.pid
  }
  return {
    apiServer: recorded('api-server'),
    nodeProxy: recorded('node-proxy'),
    istiod: findIstiod(state.clusterId),
  }
}

/** By the pods' network namespaces, so that another cluster on the same machine is not taken for this one. */
function findIstiod(clusterId: string): number {
  const namespaces = new Set(
    readdirSync(NAMESPACES)
      .filter((name) => name.startsWith(`lateen-${clusterId}-`))
      .map((name) => `net:[${statSync(join(NAMESPACES, name)).ino}]`),
  )
  const found = readdirSync('/proc').find((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      if (!namespaces.has(readlinkSync(`/proc/${entry}/ns/net`))) return false
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      return words.includes('istiod') && (words[0] ?? '').endsWith('node')
    } catch {
      return false // it ended between the two looks
    }
  })
  if (found === undefined) throw new Error(`no process istiod in the pods of cluster ${clusterId}`)
  return Number(found)
}

/** Proportional set size: its own pages, and its share of those that it has in common with other processes. */
export function pssMegabytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  if (!match) throw new Error(`/proc/${pid}/smaps_rollup names no Pss`)
  return Number(match[1]) / 1024
}

/** User and system time of all its threads so far. */
export function cpuMilliseconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000
}
