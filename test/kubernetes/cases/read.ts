import { only, replacing, sortedLines, withoutProse } from '../normalise.ts'
import { group, http, k, watch, type Group } from '../table.ts'
import * as m from './manifests.ts'

const CONFIG_MAPS = ['a', 'b', 'c', 'd', 'e']
  .map(
    (name, index) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {app: ${name}, parity: p${index % 2}}, annotations: {order: "${9 - index}"}}\ndata: {count: "${index * 7}"}\n`,
  )
  .join('---\n')

const GET = group('get', [
  k('apply -f -', CONFIG_MAPS),
  k('get configmaps'),
  k('get cm a b'),
  k('get configmap/a configmaps/b'),
  k('get configmap a nothing'),
  k('get configmap nothing'),
  k('get configmap nothing --ignore-not-found'),
  k('get configmap -o wide'),
  k('get configmap -o name'),
  k('get configmap -o json'),
  k('get configmap -o yaml'),
  k(`get configmap -o jsonpath={range.items[*]}{.metadata.name}={.data.count};{end}`),
  k(`get configmap -o 'jsonpath={.items[?(@.data.count=="7")].metadata.name}'`),
  k('get configmap -o jsonpath={.items[0].nothing}'),
  k('get configmap -o jsonpath={.items[0'),
  k('get configmap -o custom-columns=NAME:.metadata.name,COUNT:.data.count,MISSING:.data.missing'),
  k('get configmap -o custom-columns=NAME'),
  k(`get configmap -o 'go-template={{range .items}}{{.metadata.name}} {{end}}'`),
  k('get configmap -o odd'),
  k('get configmap -l app=a'),
  k('get configmap -l app!=a'),
  k(`get configmap -l 'app in (a,b)'`),
  k(`get configmap -l 'app notin (a,b)'`),
  k('get configmap -l app,!nothing'),
  k('get configmap -l app=a,parity=p1'),
  k(`get configmap -l 'app in (a'`),
  k(`get configmap -l 'a b'`),
  k('get configmap -l app=-bad-'),
  k('get configmap --field-selector metadata.name=b'),
  k('get configmap --field-selector metadata.name!=b'),
  k('get configmap --field-selector metadata.namespace=other'),
  k('get configmap --field-selector data.count=7'),
  k('get configmap --field-selector metadata.name'),
  k('get configmap --sort-by=.metadata.annotations.order'),
  k('get configmap --sort-by={.data.count} -o name'),
  k('get configmap --sort-by=.nothing'),
  k('get configmap --show-labels'),
  k('get configmap -L app,nothing'),
  k('get configmap --no-headers'),
  k('get configmap --show-kind'),
  k('get configmap --chunk-size=2'),
  k('get configmap -A --field-selector metadata.namespace={ns}'),
  k('get nothings'),
  k('get configmap.v1'),
  k('get configmaps.v2.example.com'),
  k('get deployments.apps/web'),
  k('get deployments.v1.apps'),
  k('get deployments.v1beta1.apps'),
  k('get secrets'),
  k('get all'),
  k('get -f -', CONFIG_MAPS),
  k('get --raw /api/v1/namespaces/{ns}/configmaps/a'),
  k('get --raw /api/v1/nothing'),
  k('get --raw /nothing'),
  k('get namespaces default kube-system kube-public kube-node-lease'),
  k('get service kubernetes -n default -o yaml'),
  k('get endpointslices kubernetes -n default -o yaml'),
  k('get endpoints kubernetes -n default'),
  k('get configmap -n nowhere'),
  k('get configmap a --server-print=false'),
  k('get configmap a --output-watch-events'),
  k('get clusterroles cluster-admin admin edit view'),
  k('get clusterrole view -o yaml'),
  k('get clusterrole edit -o yaml'),
  k('get clusterrole system:discovery -o yaml'),
  k('get clusterrolebinding cluster-admin system:discovery system:basic-user -o wide'),
  k('get clusterroles -o name', undefined, { normalise: [sortedLines] }),
  k('get clusterrolebindings -o name', undefined, { normalise: [sortedLines] }),
  k('get roles -A -o name', undefined, { normalise: [sortedLines] }),
  k('get priorityclasses'),
  k('get componentstatuses'),
  k('get apiservices -o name', undefined, { normalise: [sortedLines] }),
])

const OBJECTS = [
  m.CONFIG_MAP,
  m.DEPLOYMENT,
  m.STATEFUL_SET,
  m.DAEMON_SET,
  m.REPLICA_SET,
  m.SERVICE,
  m.JOB,
  m.CRON_JOB,
  m.INGRESS,
  m.NETWORK_POLICY,
  m.AUTOSCALER,
  m.CLAIM,
  m.ENDPOINT_SLICE,
  m.ENDPOINTS,
  m.LEASE,
  m.LIMIT_RANGE,
  m.POD,
].join('---')

const KINDS = [
  'configmap/settings',
  'deployment/web',
  'statefulset/db',
  'daemonset/agent',
  'replicaset/rs',
  'service/web',
  'job/once',
  'cronjob/nightly',
  'ingress/web',
  'networkpolicy/only-web',
  'hpa/web',
  'pvc/data',
  'endpointslice/web-1',
  'endpoints/other',
  'lease/leader',
  'limitrange/limits',
  'pod/one',
  'serviceaccount/default',
  'node/worker-of-table',
  'storageclass/fast',
  'poddisruptionbudget/web',
  'role/reader',
  'rolebinding/readers',
  'secret/s',
  'quota/small',
  'priorityclass/system-node-critical',
]

const TABLES = group('kinds', [
  k('apply -f -', OBJECTS),
  k('apply -f -', m.NODE.replaceAll('worker', 'worker-of-table') + '---' + m.STORAGE_CLASS),
  k('create poddisruptionbudget web --selector=app=web --min-available=1'),
  k('create role reader --verb=get,list --resource=pods'),
  k('create rolebinding readers --role=reader --user=jane'),
  k('create secret generic s --from-literal=user=me'),
  k('create quota small --hard=pods=2,cpu=1'),
  ...KINDS.flatMap((kind) => [
    k(`get ${kind}`),
    k(`get ${kind} -o wide`),
    k(`get ${kind} -o yaml`),
    k(`describe ${kind}`),
  ]),
  k('get all'),
  k('describe pod nothing'),
  k('describe deployment -l app=nothing'),
  k('describe nothings'),
  k('get pods --field-selector status.phase=Pending -o name'),
  k('get pods --field-selector spec.nodeName=x -o name'),
  k('get pods --field-selector spec.restartPolicy=Always,spec.serviceAccountName=default -o name'),
  k('get pods --field-selector spec.image=x'),
  k('get secrets --field-selector type=Opaque -o name'),
  k('get services --field-selector spec.type=ClusterIP -o name'),
  k('get nodes --field-selector spec.unschedulable=true -o name'),
  k('get jobs --field-selector status.successful=0 -o name'),
])

const POD_STATES: Readonly<Record<string, string>> = {
  running: `{"phase":"Running","podIP":"10.1.1.1","podIPs":[{"ip":"10.1.1.1"}],"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c","image":"x","imageID":"","ready":true,"restartCount":0,"state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}`,
  crashing: `{"phase":"Running","containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error","finishedAt":"2026-01-01T00:00:00Z"}}}]}`,
  pulling: `{"phase":"Pending","containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}`,
  completed: `{"phase":"Succeeded","containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}`,
  failed: `{"phase":"Failed","containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":3}}}]}`,
  killed: `{"phase":"Failed","containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":137,"signal":9}}}]}`,
  evicted: `{"phase":"Failed","reason":"Evicted","message":"no room"}`,
  starting: `{"phase":"Pending","initContainerStatuses":[{"name":"i","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"running":{}}}],"containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}}]}`,
  'init-failed': `{"phase":"Pending","initContainerStatuses":[{"name":"i","image":"x","imageID":"","ready":false,"restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}`,
  unready: `{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"name":"c","image":"x","imageID":"","ready":false,"restartCount":1,"state":{"running":{}}}]}`,
  'not-scheduled': `{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]}`,
}
const podOf = (name: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {of: states}}\nspec: {initContainers: [{name: i, image: x}], containers: [{name: c, image: x}]}\n`

const STATES = group('states', [
  k('create -f -', Object.keys(POD_STATES).map(podOf).join('---\n')),
  ...Object.entries(POD_STATES).map(([name, status]) =>
    k(`patch pod ${name} --subresource=status --type=merge -p '{"status":${status}}'`, undefined, {
      name: `status of ${name}`,
    }),
  ),
  k('get pods'),
  k('get pods -o wide'),
  ...Object.keys(POD_STATES).map((name) => k(`describe pod ${name}`)),
  k(
    'apply -f -',
    m.DEPLOYMENT +
      '---' +
      m.JOB +
      '---' +
      m.SERVICE.replace('spec:', 'spec:\n  type: LoadBalancer') +
      '---' +
      m.STATEFUL_SET +
      '---' +
      m.CRON_JOB +
      '---' +
      m.AUTOSCALER +
      '---' +
      m.CLAIM +
      '---' +
      m.INGRESS +
      '---' +
      m.EVENT,
  ),
  k(
    `patch deployment web --subresource=status --type=merge -p '{"status":{"replicas":2,"updatedReplicas":2,"readyReplicas":1,"availableReplicas":1,"unavailableReplicas":1,"observedGeneration":1,"conditions":[{"type":"Available","status":"True","reason":"MinimumReplicasAvailable","message":"fine"}]}}'`,
  ),
  k('get deployment web'),
  k('describe deployment web'),
  k('rollout status deployment web --watch=false'),
  k('wait deployment web --for=condition=Available --timeout=1s'),
  k('wait deployment web --for=condition=available=false --timeout=1s'),
  k('wait deployment web --for=jsonpath={.status.readyReplicas}=1 --timeout=1s'),
  k('wait deployment web --for=jsonpath={.status.readyReplicas}=2 --timeout=1s'),
  k('wait deployment web --for=jsonpath={.nothing --timeout=1s'),
  k('wait deployment nothing --for=delete --timeout=1s'),
  k('wait deployment nothing --for=condition=Available --timeout=1s'),
  k('wait configmap late --for=create --timeout=1s'),
  k('wait deployment web --for=delete --timeout=1s'),
  k('wait deployment web --for=odd'),
  k('wait pods -l of=nothing --for=condition=Ready --timeout=1s'),
  k('wait pod running --for=condition=Ready --timeout=1s'),
  k(
    `patch job once --subresource=status --type=merge -p '{"status":{"active":1,"startTime":"2026-01-01T00:00:00Z"}}'`,
  ),
  k('get job once', undefined, { normalise: [replacing(/\d+d/g, '<age>')] }),
  k(
    `patch service web --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"10.44.0.1"},{"hostname":"lb.example.com"}]}}}'`,
  ),
  k('get service web'),
  k('get service web -o wide'),
  k('describe service web'),
  k(
    `patch statefulset db --subresource=status --type=merge -p '{"status":{"replicas":1,"readyReplicas":1,"currentReplicas":1}}'`,
  ),
  k('get statefulset db -o wide'),
  k(
    `patch cronjob nightly --subresource=status --type=merge -p '{"status":{"active":[{"kind":"Job","name":"x"}]}}'`,
  ),
  k('get cronjob nightly'),
  k(
    `patch hpa web --subresource=status --type=merge -p '{"status":{"currentReplicas":2,"desiredReplicas":2,"currentMetrics":[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":42,"averageValue":"42m"}}}]}}'`,
  ),
  k('get hpa web'),
  k('describe hpa web'),
  k(
    `patch ingress web --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"10.44.0.2"}]}}}'`,
  ),
  k('get ingress web'),
  k(
    `patch pvc data --subresource=status --type=merge -p '{"status":{"phase":"Bound","capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"]}}'`,
  ),
  k('get pvc data'),
  k('get events'),
  k('get events -o wide'),
  k('get events --field-selector involvedObject.name=one,reason=Tested,type=Normal -o name'),
  k('get events --field-selector involvedObject.colour=red -o name'),
  k('events'),
  k('events --for pod/one --types=Warning'),
  k('get events.events.k8s.io one.1 -o yaml'),
  k('get pods running --subresource=status'),
  k('get pods running --subresource=logs'),
])

const EXPLAINED = [
  'pods',
  'pod.spec',
  'pod.spec.containers',
  'pod.spec.containers.livenessProbe',
  'deployment.spec.strategy',
  'service.spec.ports',
  'configmap',
  'secret',
  'ingress.spec.rules',
  'networkpolicy.spec',
  'cronjob.spec',
  'job.spec',
  'statefulset.spec',
  'hpa.spec.metrics',
  'role.rules',
  'namespace.status',
  'node.status',
  'crd.spec.versions',
  'events',
  'lease.spec',
  'endpointslice.endpoints',
  'pvc.spec',
  'validatingadmissionpolicy.spec',
]
const EXPLAIN = group('explain', [
  ...EXPLAINED.map((what) => k(`explain ${what}`, undefined, { normalise: [withoutProse] })),
  k('explain pod.spec.nothing'),
  k('explain nothings'),
  k('explain deployment --api-version=apps/v2'),
  k('explain deployment --api-version=apps/v1', undefined, { normalise: [withoutProse] }),
  k('explain hpa --api-version=autoscaling/v1', undefined, { normalise: [withoutProse] }),
  k('explain deployment.spec --recursive', undefined, { normalise: [withoutProse] }),
  k('explain service --recursive', undefined, { normalise: [withoutProse] }),
  k('explain'),
  k('explain pod --output=plaintext-openapiv2', undefined, { normalise: [withoutProse] }),
])

const NAMED_KINDS =
  /^(?:pods|services|configmaps|secrets|deployments|replicasets|statefulsets|daemonsets|jobs|cronjobs|ingresses|networkpolicies|events|namespaces|nodes|customresourcedefinitions|clusterroles|roles|leases)\s/
const GROUP_VERSIONS = [
  'admissionregistration.k8s.io/v1',
  'apiextensions.k8s.io/v1',
  'apiregistration.k8s.io/v1',
  'apps/v1',
  'authentication.k8s.io/v1',
  'authorization.k8s.io/v1',
  'autoscaling/v1',
  'autoscaling/v2',
  'batch/v1',
  'certificates.k8s.io/v1',
  'coordination.k8s.io/v1',
  'discovery.k8s.io/v1',
  'events.k8s.io/v1',
  'networking.k8s.io/v1',
  'node.k8s.io/v1',
  'policy/v1',
  'rbac.authorization.k8s.io/v1',
  'scheduling.k8s.io/v1',
  'storage.k8s.io/v1',
  'flowcontrol.apiserver.k8s.io/v1',
  'resource.k8s.io/v1',
]
const withoutHashes = replacing(/,?\s*"storageVersionHash": "[^"]*"/g, '')
const DISCOVERY = group('discovery', [
  k('version', undefined, {
    normalise: [replacing(/v1\.\d+\.\d+\S*/g, '<version>'), replacing(/^Kustomize.*$/gm, '')],
  }),
  k('version -o odd'),
  k('api-versions', undefined, { normalise: [sortedLines] }),
  k('api-resources --no-headers', undefined, { normalise: [only(NAMED_KINDS), sortedLines] }),
  k('api-resources -o wide --no-headers', undefined, { normalise: [only(NAMED_KINDS), sortedLines] }),
  k('api-resources --api-group=apps'),
  k('api-resources --namespaced=false --api-group=rbac.authorization.k8s.io'),
  k('api-resources --verbs=create --api-group=authorization.k8s.io'),
  k('api-resources -o name', undefined, { normalise: [sortedLines] }),
  k('api-resources --api-group=nothing'),
  k('api-resources -o odd'),
  http('GET', '/api/v1', { normalise: [withoutHashes] }),
  ...GROUP_VERSIONS.map((name) => http('GET', `/apis/${name}`, { normalise: [withoutHashes] })),
  http('GET', '/api'),
  http('GET', '/apis/apps'),
  http('GET', '/apis/nothing'),
  http('GET', '/apis/apps/v9'),
  http('GET', '/healthz'),
  http('GET', '/livez'),
  http('GET', '/readyz'),
  http('GET', '/version', { normalise: [only(/"(?:platform|gitTreeState)"/)] }),
  http('GET', '/', { normalise: [only(/^status|content-type/)] }),
  http('GET', '/openapi/v3', { normalise: [only(/^status|content-type/)] }),
  http('GET', '/openapi/v2', { normalise: [only(/^status|content-type/)] }),
  http('GET', '/.well-known/openid-configuration'),
  http('GET', '/openid/v1/jwks', { normalise: [replacing(/"(kid|x|y)": "[^"]+"/g, '"$1": "<any>"')] }),
])

const changing = (n: number) => k(`patch configmap a --type=merge -p '{"data":{"count":"${n}"}}'`)
const WATCH = group('watch', [
  k('apply -f -', CONFIG_MAPS),
  watch('get configmap a -w --no-headers', { lines: 3, during: [changing(1), changing(2)] }),
  watch('get configmap a -w -o jsonpath={.data.count},', { lines: 9, during: [changing(4), changing(5)] }),
  watch('get configmap -w --output-watch-events -l app=b -o name', {
    lines: 3,
    during: [k('label configmap b app=x --overwrite'), k('label configmap b app=b --overwrite')],
  }),
  watch('get configmap c -w --output-watch-events', { lines: 3, during: [k('delete configmap c')] }),
  watch('get configmap nothing -w', { lines: 1 }),
  watch('get nothings -w', { lines: 1 }),
])

export const READ: readonly Group[] = [GET, TABLES, STATES, EXPLAIN, DISCOVERY, WATCH]
