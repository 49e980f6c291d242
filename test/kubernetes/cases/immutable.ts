import { replacing } from '../normalise.ts'
import { group, type Group, k } from '../table.ts'
import * as m from './manifests.ts'

/** Kubernetes shows the whole of both specs where it refuses a change of one; the first line says why. */
const withoutSpecs = { normalise: [replacing(/( is invalid: spec: Forbidden: [^\n]*)\n[^]*$/g, '$1')] }

const patch = (what: string, change: unknown, options: { readonly normalise?: never } | object = {}) =>
  k(`patch ${what} --type=merge -p '${JSON.stringify(change)}'`, undefined, options)

const BINDING = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
`
const SECRET = `
apiVersion: v1
kind: Secret
metadata: {name: fixed}
immutable: true
stringData: {a: b}
`
const PRIORITY = `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: immutable-class}
value: 10
`
const CLASS = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: immutable-class}
spec: {controller: example.com/a}
`
const VOLUME = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: immutable-volume}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /tmp/x}}
`

/** What an update may not touch: each kind has its own way of saying so. */
export const IMMUTABLE: readonly Group[] = [
  group('immutable', [
    k('create -f -', m.SERVICE),
    patch('service web', { spec: { clusterIP: '' } }),
    patch('service web', { spec: { clusterIP: 'None', clusterIPs: ['None'] } }),
    patch('service web', { spec: { clusterIPs: ['10.43.9.9'] } }),
    patch('service web', { spec: { ipFamilies: ['IPv6'] } }),
    patch('service web', { spec: { type: 'LoadBalancer' } }),
    patch('service web', { spec: { loadBalancerClass: 'example.com/other' } }),
    patch('service web', { spec: { type: 'ClusterIP' } }),
    k('get service web -o yaml'),
    patch('service web', { spec: { type: 'ExternalName', externalName: 'example.com' } }),
    k('get service web -o jsonpath={.spec}'),
    patch('service web', { spec: { type: 'NodePort', externalName: null } }),
    patch('service web', { spec: { sessionAffinity: 'ClientIP' } }),
    patch('service web', { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 100_000 } } } }),
    k('create -f -', m.JOB),
    patch(
      'job once',
      { spec: { template: { spec: { containers: [{ name: 'c', image: 'other' }] } } } },
      withoutJob(),
    ),
    patch('job once', { spec: { completions: 5 } }),
    patch('job once', { spec: { completionMode: 'Indexed' } }),
    patch('job once', { spec: { parallelism: 2, suspend: true } }),
    patch('job once', { spec: { backoffLimitPerIndex: 1 } }),
    k('create -f -', m.STATEFUL_SET),
    patch('statefulset db', { spec: { serviceName: 'other' } }),
    patch('statefulset db', { spec: { podManagementPolicy: 'Parallel' } }),
    patch('statefulset db', { spec: { volumeClaimTemplates: null } }),
    patch('statefulset db', { spec: { selector: { matchLabels: { app: 'x' } } } }),
    patch('statefulset db', { spec: { replicas: 3, minReadySeconds: 1 } }),
    k('create -f -', m.DEPLOYMENT),
    patch('deployment web', { spec: { selector: { matchLabels: { app: 'web', more: 'x' } } } }),
    k('create -f -', m.REPLICA_SET),
    patch('replicaset rs', {
      spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } } } },
    }),
    k('create -f -', m.DAEMON_SET),
    patch('daemonset agent', {
      spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } } } },
    }),
    patch('daemonset agent', { spec: { template: { spec: { nodeSelector: { disk: 'hdd' } } } } }),
    k('get daemonset agent -o yaml'),
    k('create -f -', m.CLAIM),
    patch('pvc data', { spec: { resources: { requests: { storage: '2Gi' } } } }, withoutSpecs),
    patch('pvc data', { spec: { accessModes: ['ReadWriteMany'] } }, withoutSpecs),
    patch('pvc data', { spec: { volumeName: 'some' } }),
    patch('pvc data', { spec: { volumeName: 'other' } }, withoutSpecs),
    k('create -f -', VOLUME),
    patch('pv immutable-volume', { spec: { persistentVolumeReclaimPolicy: 'Delete' } }),
    k('create -f -', BINDING),
    patch('rolebinding readers', { roleRef: { name: 'other' } }),
    patch('rolebinding readers', { subjects: null }),
    k('create -f -', SECRET),
    patch('secret fixed', { data: { a: 'eA==' } }),
    patch('secret fixed', { immutable: false }),
    patch('secret fixed', { type: 'example.com/other' }),
    patch('secret fixed', { metadata: { labels: { a: 'b' } } }),
    k('create -f -', m.CONFIG_MAP),
    patch('configmap settings', { immutable: true }),
    patch('configmap settings', { data: { color: 'blue' } }),
    patch('configmap settings', { binaryData: { a: 'eA==' } }),
    k('create -f -', PRIORITY),
    patch('priorityclass immutable-class', { value: 11 }),
    patch('priorityclass immutable-class', { preemptionPolicy: 'Never' }),
    patch('priorityclass immutable-class', { description: 'may change' }),
    k('create -f -', CLASS),
    patch('ingressclass immutable-class', { spec: { controller: 'example.com/b' } }),
    k('create -f -', m.STORAGE_CLASS),
    patch('storageclass fast', { provisioner: 'example.com/other' }),
    patch('storageclass fast', { reclaimPolicy: 'Retain' }),
    patch('storageclass fast', { parameters: { a: 'b' } }),
    patch('storageclass fast', { allowVolumeExpansion: true }),
    k('create -f -', m.ENDPOINT_SLICE),
    patch('endpointslice web-1', { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] }),
    k('create -f -', m.POD),
    patch('pod one', { spec: { restartPolicy: 'Never' } }, withoutSpecs),
    patch('pod one', { spec: { activeDeadlineSeconds: 60 } }),
    patch('pod one', { spec: { activeDeadlineSeconds: 90 } }),
    patch('pod one', { spec: { activeDeadlineSeconds: 30 } }),
    patch('pod one', { spec: { activeDeadlineSeconds: null } }, withoutSpecs),
    patch('pod one', { spec: { tolerations: [] } }),
    patch('pod one', { spec: { tolerations: [{ key: 'new', operator: 'Exists' }] } }),
    patch('pod one', { spec: { containers: [{ name: 'main', image: 'x' }] } }),
    patch('pod one', { spec: { terminationGracePeriodSeconds: 5 } }, withoutSpecs),
    k('set image pod/one main=busybox:1.37'),
    patch('pod one', { metadata: { name: 'two' } }),
    patch('pod one', { metadata: { uid: 'x' } }),
    patch('pod one', { metadata: { creationTimestamp: '2020-01-01T00:00:00Z' } }),
    patch('pod one', { metadata: { generation: 1 } }),
    patch('pod one', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x' }] } }),
    k(
      'delete priorityclass/immutable-class ingressclass/immutable-class pv/immutable-volume storageclass/fast --wait=false',
    ),
  ]),
]

/** A template is printed whole where it may not change. */
function withoutJob() {
  return { normalise: [replacing(/(Invalid value: )\{.*\}(: field is immutable)/g, '$1<template>$2')] }
}
