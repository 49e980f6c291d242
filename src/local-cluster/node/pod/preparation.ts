import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { writeFileAtomic } from '../files.ts'
import { createSandbox, deleteSandbox, sandboxExists } from '../runtime/sandbox.ts'
import { syncVolumes } from '../volume/volumes.ts'
import { hostsFile, resolvConf } from './etc-files.ts'
import { planPod } from './plan.ts'
import { factsOf, hostnameOf } from './run-request.ts'
import { volumeOwner } from './security.ts'
import { event, type PodRecord, RETRY_MS, type State, views, wakeAt, writeStatus } from './worker-state.ts'

/** @returns whether the pod has its namespaces */
export async function ensureSandbox(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const uid = pod.metadata.uid ?? ''
  if (state.hasSandbox) return true
  if (state.record !== undefined && sandboxExists(paths, uid)) {
    state.hasSandbox = true
    return true
  }
  try {
    await deleteSandbox(paths, uid)
    const record = state.record ?? newRecord(state, pod)
    state.record = record
    mkdirSync(paths.root, { recursive: true, mode: 0o700 })
    writeFileAtomic(paths.record, JSON.stringify(record))
    writeEtc(state, pod, record.ip)
    const { bridge, bridgeAddress: gateway } = context.network
    await createSandbox({
      paths,
      uid,
      ip: record.ip,
      hostname: hostnameOf(pod),
      bridge,
      gateway,
      sysctls: pod.spec.securityContext?.sysctls ?? [],
    })
    state.hasSandbox = true
    return true
  } catch (error) {
    const message = `Failed to create pod sandbox: ${messageOf(error)}`
    event(state, { type: 'Warning', reason: 'FailedCreatePodSandBox', message })
    state.logger.error(message, { pod: pod.metadata.name })
    wakeAt(state, context.clock.now() + RETRY_MS)
    writeStatus(state, pod, { start: [], backingOff: [] })
    return false
  }
}

export function newRecord(state: State, pod: Pod): PodRecord {
  return {
    uid: pod.metadata.uid ?? '',
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    ip: state.context.ipPool.allocate(),
    startedAtMs: state.context.clock.now(),
  }
}

export function etcOptions(state: State, pod: Pod, podIp: string) {
  const { clusterDomain, dnsAddress } = state.context.network
  const hostResolvConf = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : ''
  return { pod, podIp, hostname: hostnameOf(pod), clusterDomain, dnsAddress, hostResolvConf }
}

export function writeEtc(state: State, pod: Pod, podIp: string): void {
  const options = etcOptions(state, pod, podIp)
  mkdirSync(state.paths.etc, { recursive: true, mode: 0o755 })
  writeFileSync(join(state.paths.etc, 'hosts'), hostsFile(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'resolv.conf'), resolvConf(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'hostname'), `${options.hostname}\n`, { mode: 0o644 })
}

/** @returns whether every volume is there */
export async function ensureVolumes(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const namespace = pod.metadata.namespace ?? ''
  const result = await syncVolumes({
    pod,
    paths,
    tokens: context.tokens,
    owner: volumeOwner(pod, context.userMachine.isMapped),
    facts: factsOf({ context, podIp: state.record?.ip ?? '' }),
    configMap: (name) => context.lookups.configMap(namespace, name),
    secret: (name) => context.lookups.secret(namespace, name),
  })
  wakeAt(state, context.tokens.refreshAtMs(pod.metadata.uid ?? ''))
  if (result.ok) return true
  event(state, { type: 'Warning', reason: 'FailedMount', message: result.error })
  wakeAt(state, context.clock.now() + RETRY_MS)
  // Running containers keep the volumes they have; only new ones have to wait.
  writeStatus(state, pod, planPod(pod, views(state), context.clock.now()))
  return false
}
