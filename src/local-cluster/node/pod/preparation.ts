import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { writeFileAtomic } from '../files.ts'
import { findProgram } from '../images.ts'
import { ipv6Beside } from '../addresses.ts'
import { createSandbox, deleteSandbox, sandboxExists } from '../runtime/sandbox.ts'
import { syncVolumes } from '../volume/volumes.ts'
import { hostsFile, resolvConf } from './etc-files.ts'
import { planPod } from './plan.ts'
import { factsOf, hostnameOf, isCapture } from './run-request.ts'
import { volumeOwner } from './security.ts'
import {
  addressesOf,
  event,
  ownAddresses,
  type PodRecord,
  RETRY_MS,
  type State,
  views,
  wakeAt,
  writeStatus,
} from './worker-state.ts'

/** @returns whether the pod has its namespaces */
export async function ensureSandbox(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const uid = pod.metadata.uid ?? ''
  if (state.hasSandbox) return true
  if (state.record !== undefined && sandboxExists(paths, uid, pod.spec.hostNetwork === true)) {
    state.hasSandbox = true
    return true
  }
  try {
    await deleteSandbox(paths, uid, ownAddresses(state, state.record))
    const known =
      state.record === undefined || state.record.isReleased === true ? newRecord(state, pod) : state.record
    // Anew with each sandbox: the machine may have come to IPv6, or have lost it, in between.
    const record = { ...known, ip6: ipv6Of(state, pod, known.ip) }
    state.record = record
    mkdirSync(paths.root, { recursive: true, mode: 0o700 })
    writeFileAtomic(paths.record, JSON.stringify(record))
    writeEtc(state, pod, addressesOf(record))
    const { bridge, bridgeAddress: gateway, ipv6 } = context.network
    await createSandbox({
      paths,
      uid,
      ip: record.ip,
      hostname: utsName(state, pod),
      bridge,
      gateway,
      ...(ipv6 === undefined ? {} : { ipv6: { address: record.ip6, gateway: ipv6.bridgeAddress } }),
      sysctls: pod.spec.securityContext?.sysctls ?? [],
      hostNetwork: pod.spec.hostNetwork === true,
      hostIpc: pod.spec.hostIPC === true,
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

function newRecord(state: State, pod: Pod): PodRecord {
  return {
    uid: pod.metadata.uid ?? '',
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    ip: pod.spec.hostNetwork === true ? state.context.network.bridgeAddress : state.context.ipPool.allocate(),
    startedAtMs: state.context.clock.now(),
  }
}

/**
 * Traffic is captured in IPv4 alone, and what goes past its proxy escapes the mesh's rules: a pod with capture has
 * no IPv6 address.
 */
function ipv6Of({ context }: State, pod: Pod, ip: string): string | undefined {
  const { network } = context
  if (pod.spec.hostNetwork === true) return network.ipv6?.bridgeAddress
  const isCaptured = (pod.spec.initContainers ?? []).some(({ image = '', command = [], args = [] }) => {
    const program = findProgram(context.images(), image)
    return program !== undefined && isCapture(program, [...command, ...args])
  })
  return isCaptured ? undefined : ipv6Beside(ip, network)
}

export function etcOptions(state: State, pod: Pod, podIps: readonly string[]) {
  const { clusterDomain, dnsAddress } = state.context.network
  const hostResolvConf = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : ''
  const hostHosts = existsSync('/etc/hosts') ? readFileSync('/etc/hosts', 'utf8') : ''
  const hostname = hostnameOf(pod, state.context.nodeName)
  return { pod, podIps, hostname, clusterDomain, dnsAddress, hostResolvConf, hostHosts }
}

/** What `hostname` says: the whole name where the pod wants it so and it is no longer than the kernel allows. */
function utsName({ context }: State, pod: Pod): string {
  const { subdomain = '', setHostnameAsFQDN } = pod.spec
  const hostname = hostnameOf(pod, context.nodeName)
  const whole = `${hostname}.${subdomain}.${pod.metadata.namespace ?? ''}.svc.${context.network.clusterDomain}`
  return setHostnameAsFQDN === true && subdomain !== '' && whole.length <= UTS_NAME_MAX ? whole : hostname
}

const UTS_NAME_MAX = 64

function writeEtc(state: State, pod: Pod, podIps: readonly string[]): void {
  const options = etcOptions(state, pod, podIps)
  mkdirSync(state.paths.etc, { recursive: true, mode: 0o755 })
  writeFileSync(join(state.paths.etc, 'hosts'), hostsFile(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'resolv.conf'), resolvConf(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'hostname'), `${options.hostname}\n`, { mode: 0o644 })
}

/** What a volume waits for may be made by hand, and nobody tells of that. */
const MOUNT_RETRY_MAX_MS = 16_000

/** @returns whether every volume is there */
export async function ensureVolumes(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const namespace = pod.metadata.namespace ?? ''
  const result = await syncVolumes({
    pod,
    paths,
    tokens: context.tokens,
    client: context.client,
    owner: volumeOwner(pod, context.userMachine.isMapped),
    facts: factsOf({ context, podIps: addressesOf(state.record) }),
    configMap: (name) => context.lookups.configMap(namespace, name),
    secret: (name) => context.lookups.secret(namespace, name),
  })
  wakeAt(state, context.tokens.refreshAtMs(pod.metadata.uid ?? ''))
  if (result.ok) {
    state.mountFailures = 0
    return true
  }
  event(state, { type: 'Warning', reason: 'FailedMount', message: result.error })
  wakeAt(state, context.clock.now() + Math.min(MOUNT_RETRY_MAX_MS, RETRY_MS * 2 ** state.mountFailures))
  state.mountFailures = Math.min(state.mountFailures + 1, 10)
  // Running containers keep the volumes they have; only new ones have to wait.
  writeStatus(state, pod, planPod(pod, views(state), context.clock.now()))
  return false
}
