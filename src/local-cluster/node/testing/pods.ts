import { text } from 'node:stream/consumers'
import { PassThrough } from 'node:stream'
import type { ContainerStatus, Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import { GENERAL_PURPOSE_IMAGES, type ImageEntry } from '../index.ts'
import type { TestNode } from './harness.ts'

/** Answers every connection with its host name, a moment after its start; `exit=N` in a path ends it. */
const WEB = `
const http = require('http'), os = require('os')
process.on('SIGTERM', () => { console.log('terminated'); process.exit(0) })
http.createServer((request, response) => {
  const code = /exit=(\\d+)/.exec(request.url)
  if (code) process.exit(Number(code[1]))
  response.statusCode = request.url === '/broken' ? 500 : 200
  response.end(os.hostname())
}).listen(8080, () => console.log('listening'))`

/** What the scenarios' pods run. */
export const IMAGES: readonly ImageEntry[] = [
  ...GENERAL_PURPOSE_IMAGES,
  { pattern: 'web', program: { kind: 'command', command: [process.execPath, '-e', WEB] } },
  { pattern: 'docker.io/istio/proxyv2', program: { kind: 'hosted' } },
]

export const sh = (script: string) => ({ image: 'alpine', command: ['/bin/sh', '-c', script] })
export const isReady = (pod: Pod) =>
  pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
export const hasPhase = (phase: string) => (pod: Pod) => pod.status?.phase === phase
export const statusOf = (pod: Pod, name: string): Partial<ContainerStatus> => {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  return all.find((status) => status.name === name) ?? {}
}

/** Steps that several scenarios take with pods of one node. */
export interface PodSteps {
  /** Runs the pod to its end. @returns the log of its first container */
  readonly outputOf: (name: string, spec: Pod['spec']) => Promise<string>
  readonly remove: (name: string) => Promise<void>
  /** @returns what a command prints in container `c` */
  readonly execIn: (pod: Pod, command: readonly string[]) => Promise<string>
}

/** @param get the node, which is there once the tests begin */
export function podSteps(get: () => TestNode): PodSteps {
  return {
    async outputOf(name, spec) {
      const node = get()
      await node.run({ name, spec: { restartPolicy: 'Never', ...spec } })
      const pod = await node.until(
        name,
        (one) => ['Succeeded', 'Failed'].includes(one.status?.phase ?? ''),
        'ends',
      )
      return node.logs(pod, spec.containers[0]?.name ?? '')
    },
    async remove(name) {
      await get().client.delete(KINDS.pod, name, 'default', { gracePeriodSeconds: 1 })
      await get().untilGone(name)
    },
    async execIn(pod, command) {
      const stdout = new PassThrough()
      const io = {
        stdin: undefined,
        stdout,
        stderr: undefined,
        onResize: () => {},
        signal: AbortSignal.timeout(5000),
      }
      const target = { podUid: pod.metadata.uid ?? '', container: 'c', tty: false }
      await get()
        .agent()
        .nodeApi.exec({ ...target, command, io })
      stdout.end()
      return text(stdout)
    },
  }
}
