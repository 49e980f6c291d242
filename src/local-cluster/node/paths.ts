import { join } from 'node:path'
import { netnsPath } from '../../linux/index.ts'

/** Where everything of one pod lies. */
export interface PodPaths {
  readonly root: string
  readonly record: string
  readonly netnsName: string
  readonly netns: string
  readonly uts: string
  readonly ipc: string
  readonly etc: string
  readonly volume: (name: string) => string
  /** Where the files lie that a container's image brings. */
  readonly image: (container: string) => string
  readonly container: (name: string) => ContainerPaths
}

export interface ContainerPaths {
  readonly root: string
  readonly log: (attempt: number) => string
  /** Byte offsets of the log and when they were reached. */
  readonly logTimes: (attempt: number) => string
  readonly attempt: (attempt: number) => string
}

/** The prefix of every named namespace of the cluster. */
export function netnsPrefix(clusterId: string): string {
  return `lateen-${clusterId}-`
}

export function podsDirectory(stateDir: string): string {
  return join(stateDir, 'pods')
}

/** @param uid of the pod; the namespace's name carries its first group, and the third of them for uniqueness */
export function podPaths(options: {
  readonly stateDir: string
  readonly clusterId: string
  readonly uid: string
}): PodPaths {
  const root = join(podsDirectory(options.stateDir), options.uid)
  const netnsName = `${netnsPrefix(options.clusterId)}${shortUid(options.uid)}`
  return {
    root,
    record: join(root, 'pod.json'),
    netnsName,
    netns: netnsPath(netnsName),
    uts: join(root, 'ns-uts'),
    ipc: join(root, 'ns-ipc'),
    etc: join(root, 'etc'),
    volume: (name) => join(root, 'volumes', name),
    image: (container) => join(root, 'images', container),
    container: (name) => containerPaths(join(root, 'containers', name)),
  }
}

/** The host's end of a pod's link: at most 15 characters, of which the kernel allows no more. */
export function linkName(uid: string): string {
  return `lat${shortUid(uid)}`
}

/** Twelve hexadecimal digits of the uid: enough to be unique on one machine. */
function shortUid(uid: string): string {
  return uid.replaceAll('-', '').slice(0, 12)
}

function containerPaths(root: string): ContainerPaths {
  return {
    root,
    log: (attempt) => join(root, `${attempt}.log`),
    logTimes: (attempt) => join(root, `${attempt}.times`),
    attempt: (attempt) => join(root, String(attempt)),
  }
}
