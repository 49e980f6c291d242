import type { MutableRecord } from '../json.ts'
import { ensureRecord, fill, fillAll, recordIn, recordsIn } from './edit.ts'

/** Defaults that a pod has beyond those of its template. */
export function defaultPod(spec: MutableRecord): void {
  defaultPodSpec(spec)
  fill(spec, 'enableServiceLinks', true)
  const grace = spec['terminationGracePeriodSeconds']
  if (typeof grace === 'number' && grace < 0) spec['terminationGracePeriodSeconds'] = 1
  if (spec['hostNetwork'] === true) fillHostPorts(spec)
  for (const container of [...recordsIn(spec, 'initContainers'), ...recordsIn(spec, 'containers')]) {
    defaultRequests(container)
  }
}

/** Defaults of a pod's spec, in a Pod and in every template. @see kubernetes core/v1 defaults */
export function defaultPodSpec(spec: MutableRecord): void {
  fillAll(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  })
  if (spec['serviceAccountName'] !== undefined) fill(spec, 'serviceAccount', spec['serviceAccountName'])
  else if (spec['serviceAccount'] !== undefined) spec['serviceAccountName'] = spec['serviceAccount']
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of recordsIn(spec, list)) defaultContainer(container)
  }
  for (const volume of recordsIn(spec, 'volumes')) defaultVolume(volume)
}

function fillHostPorts(spec: MutableRecord): void {
  for (const container of [...recordsIn(spec, 'initContainers'), ...recordsIn(spec, 'containers')]) {
    for (const port of recordsIn(container, 'ports')) fill(port, 'hostPort', port['containerPort'])
  }
}

function defaultContainer(container: MutableRecord): void {
  fillAll(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  })
  if (typeof container['image'] === 'string')
    fill(container, 'imagePullPolicy', defaultPullPolicy(container['image']))
  for (const port of recordsIn(container, 'ports')) fill(port, 'protocol', 'TCP')
  for (const variable of recordsIn(container, 'env')) {
    const source = recordIn(variable, 'valueFrom')
    const fieldRef = source && recordIn(source, 'fieldRef')
    if (fieldRef) fill(fieldRef, 'apiVersion', 'v1')
    const resourceRef = source && recordIn(source, 'resourceFieldRef')
    if (resourceRef) fill(resourceRef, 'divisor', '0')
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = recordIn(container, name)
    if (probe) defaultProbe(probe)
  }
  const lifecycle = recordIn(container, 'lifecycle')
  for (const hook of ['postStart', 'preStop']) {
    const handler = lifecycle && recordIn(lifecycle, hook)
    if (handler) defaultHttpGet(handler)
  }
}

/** A limit without a request is also the request. */
function defaultRequests(container: MutableRecord): void {
  const resources = recordIn(container, 'resources')
  const limits = resources && recordIn(resources, 'limits')
  if (!resources || !limits) return
  const requests = ensureRecord(resources, 'requests')
  if (requests) fillAll(requests, limits)
}

/** An image without a tag, or tagged latest, may change: it is pulled each time. */
function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent'
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function defaultProbe(probe: MutableRecord): void {
  fillAll(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })
  defaultHttpGet(probe)
  const grpc = recordIn(probe, 'grpc')
  if (grpc) fill(grpc, 'service', '')
}

function defaultHttpGet(handler: MutableRecord): void {
  const httpGet = recordIn(handler, 'httpGet')
  if (httpGet) fillAll(httpGet, { path: '/', scheme: 'HTTP' })
}

const FILE_MODE = 0o644
const TOKEN_SECONDS = 3600

function defaultVolume(volume: MutableRecord): void {
  const hasSource = Object.entries(volume).some(([key, value]) => key !== 'name' && value !== undefined)
  if (!hasSource) volume['emptyDir'] = {}
  for (const source of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    const content = recordIn(volume, source)
    if (content) fill(content, 'defaultMode', FILE_MODE)
  }
  defaultDownwardItems(recordIn(volume, 'downwardAPI'))
  const hostPath = recordIn(volume, 'hostPath')
  if (hostPath) fill(hostPath, 'type', '')
  for (const source of recordsIn(recordIn(volume, 'projected'), 'sources')) {
    const token = recordIn(source, 'serviceAccountToken')
    if (token) fill(token, 'expirationSeconds', TOKEN_SECONDS)
    defaultDownwardItems(recordIn(source, 'downwardAPI'))
  }
}

function defaultDownwardItems(source: MutableRecord | undefined): void {
  for (const item of recordsIn(source, 'items')) {
    const fieldRef = recordIn(item, 'fieldRef')
    if (fieldRef) fill(fieldRef, 'apiVersion', 'v1')
  }
}
