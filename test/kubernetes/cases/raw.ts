import { replacing } from '../normalise.ts'
import { ANONYMOUS, group, http, k, type Group } from '../table.ts'
import { CONFIG_MAP, DEPLOYMENT, POD } from './manifests.ts'

const MAPS = '/api/v1/namespaces/{ns}/configmaps'
const ONE = `${MAPS}/settings`
const map = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...more,
})
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

const REQUESTS = group('requests', [
  k('apply -f -', CONFIG_MAP),
  http('GET', ONE),
  http('HEAD', ONE),
  http('OPTIONS', ONE),
  http('PURGE', ONE),
  http('POST', ONE, { body: map('settings') }),
  http('PUT', MAPS, { body: map('x') }),
  http('PATCH', MAPS, { body: {}, type: MERGE }),
  http('PUT', '/api/v1', { body: {} }),
  http('POST', '/version', { body: {} }),
  http('GET', '/api/v1/namespaces/{ns}/nothings'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/a/b'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/settings/status'),
  http('GET', '/api/v1/namespaces/{ns}'),
  http('GET', '/api/v1/nodes/nothing'),
  http('GET', '/api/v1/namespaces/{ns}/nodes'),
  http('GET', '/api/v1/configmaps/settings'),
  http('GET', '/api/v2/configmaps'),
  http('GET', '/apis/apps/v1/namespaces/{ns}/things'),
  http('GET', '/apis/example.org/v1/things'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/'),
  http('GET', '//api/v1/namespaces/{ns}/configmaps'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/%2e%2e'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/a%2Fb'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/a%zz'),
  // Media types.
  http('GET', ONE, { headers: { accept: 'text/html' }, name: 'accept text/html' }),
  http('GET', ONE, { headers: { accept: 'application/yaml' }, name: 'accept YAML' }),
  http('GET', ONE, { headers: { accept: 'text/html, */*;q=0.1' }, name: 'accept anything at last' }),
  http('GET', ONE, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'accept a table',
  }),
  http('GET', MAPS, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'accept a table of a list',
  }),
  http('GET', `${MAPS}?includeObject=None`, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'a table without objects',
  }),
  http('GET', `${MAPS}?includeObject=Object`, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'a table with objects',
  }),
  http('GET', `${MAPS}?includeObject=Odd`, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'a table with odd objects',
  }),
  http('GET', ONE, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
    name: 'accept metadata',
  }),
  http('GET', MAPS, {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
    name: 'accept metadata of a list',
  }),
  http('GET', ONE, {
    headers: { accept: 'application/json;as=Odd;g=meta.k8s.io;v=v1' },
    name: 'accept what there is not',
  }),
  http('POST', MAPS, { body: 'x', type: 'text/plain', name: 'send text' }),
  http('POST', MAPS, {
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\n',
    type: 'application/yaml',
    name: 'send YAML',
  }),
  http('POST', MAPS, { body: 'a: [', type: 'application/yaml', name: 'send bad YAML' }),
  http('POST', MAPS, { body: '{"kind":', name: 'send half an object' }),
  http('POST', MAPS, { body: '', name: 'send nothing' }),
  http('POST', MAPS, { body: '[]', name: 'send a list' }),
  http('POST', MAPS, { body: '{}', name: 'send an empty object' }),
  http('POST', MAPS, { body: '"text"', name: 'send a text' }),
  http('POST', MAPS, {
    body: { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'x' } },
    name: 'send another kind',
  }),
  http('POST', MAPS, {
    body: { kind: 'ConfigMap', apiVersion: 'v2', metadata: { name: 'x' } },
    name: 'send another version',
  }),
  http('POST', MAPS, { body: { metadata: { name: 'bare' } }, name: 'send without kind' }),
  http('POST', MAPS, {
    body: map('other', { metadata: { name: 'other', namespace: 'elsewhere' } }),
    name: 'send another namespace',
  }),
  http('POST', MAPS, {
    body: map('generated', { metadata: { generateName: 'generated-' } }),
    normalise: [replacing(/generated-\w{5}/g, 'generated-<any>')],
    name: 'send generateName',
  }),
  http('POST', '/api/v1/namespaces/nowhere/configmaps', { body: map('x') }),
  http('PATCH', ONE, { body: {}, type: 'application/json', name: 'patch with JSON' }),
  http('PATCH', ONE, { body: '{', type: MERGE, name: 'patch with half an object' }),
  http('PATCH', ONE, { body: '[]', type: MERGE, name: 'merge a list' }),
  http('PATCH', ONE, { body: '{}', type: 'application/json-patch+json', name: 'JSON patch as an object' }),
  http('PATCH', ONE, { body: map('settings'), type: APPLY, name: 'apply without a manager' }),
  http('PATCH', `${ONE}?force=true`, { body: {}, type: MERGE }),
  http('PATCH', `${ONE}?fieldManager=${'x'.repeat(129)}`, {
    body: {},
    type: MERGE,
    name: 'a manager too long',
  }),
  http('PATCH', `${MAPS}/new?fieldManager=me`, { body: map('new', { data: { a: 'b' } }), type: APPLY }),
  http('PATCH', `${MAPS}/new?fieldManager=me`, {
    body: map('else'),
    type: APPLY,
    name: 'apply another name',
  }),
  http('PATCH', `${MAPS}/nothing`, { body: {}, type: MERGE }),
  // Field validation.
  ...['Strict', 'Warn', 'Ignore', 'Odd'].flatMap((mode) => [
    http('POST', `${MAPS}?fieldValidation=${mode}`, {
      body: map(`validated-${mode.toLowerCase()}`, { datum: 1 }),
    }),
    http('POST', `${MAPS}?fieldValidation=${mode}&dryRun=All`, {
      body: '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"twice"},"data":{"a":"b","a":"c"}}',
      name: `a member twice, ${mode}`,
    }),
    http('PATCH', `${ONE}?fieldValidation=${mode}`, { body: { datum: 2 }, type: MERGE }),
    http('PUT', `${ONE}?fieldValidation=${mode}&dryRun=All`, { body: map('settings', { datum: 1 }) }),
  ]),
  http('POST', MAPS, {
    body: map('unknown', { datum: 1, more: 2, metadata: { name: 'unknown', odd: 1 } }),
    name: 'unknown fields, nothing said',
  }),
  http('POST', `${MAPS}?dryRun=All`, { body: map('dry') }),
  http('POST', `${MAPS}?dryRun=Odd`, { body: map('dry') }),
  http('POST', `${MAPS}?pretty=true`, { body: map('pretty') }),
  http('PUT', `${MAPS}/absent`, { body: map('absent') }),
  http('PUT', ONE, { body: map('other'), name: 'put another name' }),
  http('PUT', ONE, {
    body: map('settings', { metadata: { name: 'settings', resourceVersion: '1' } }),
    name: 'put an old version',
  }),
  http('PUT', ONE, {
    body: map('settings', { metadata: { name: 'settings', resourceVersion: 'x' } }),
    name: 'put a bad version',
  }),
  http('PUT', ONE, { body: map('settings', { data: { a: 'b' } }), name: 'put without a version' }),
  // Who asks.
  http('GET', ONE, { headers: { [ANONYMOUS]: '1' }, name: 'anonymous' }),
  http('GET', '/healthz', { headers: { [ANONYMOUS]: '1' }, name: 'anonymous health' }),
  http('GET', '/version', {
    headers: { [ANONYMOUS]: '1' },
    name: 'anonymous version',
    normalise: [replacing(/body:[^]*/g, '')],
  }),
  http('GET', ONE, { headers: { authorization: 'Bearer nonsense' }, name: 'a bad token' }),
  http('GET', ONE, { headers: { authorization: 'Basic YTpi' }, name: 'a password' }),
  http('GET', ONE, { headers: { 'impersonate-user': 'jane' } }),
  http('GET', ONE, { headers: { 'impersonate-group': 'people' }, name: 'impersonate a group alone' }),
  http('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {} },
  }),
  http('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods' } },
    },
  }),
  http('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: {} },
    name: 'rules without a namespace',
  }),
  http('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'x' } },
  }),
  http('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {} },
    name: 'review of no token',
  }),
  http('GET', '/apis/authentication.k8s.io/v1/tokenreviews'),
  // Subresources without a node.
  k('apply -f -', POD + '---' + DEPLOYMENT),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/log'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/log?container=nothing'),
  http('GET', '/api/v1/namespaces/{ns}/pods/nothing/log'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/log?container=main'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/log?container=main&tailLines=-1'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/exec?command=x&container=main&stdout=true'),
  http('POST', '/api/v1/namespaces/{ns}/pods/one/exec', { name: 'exec without a command' }),
  http('POST', '/api/v1/namespaces/{ns}/pods/one/eviction', {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } },
    name: 'evict another',
  }),
  http('POST', '/api/v1/namespaces/{ns}/pods/one/eviction', {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'one' } },
    name: 'evict',
  }),
  http('POST', '/api/v1/namespaces/{ns}/pods/nothing/eviction', {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'nothing' } },
  }),
  // Proxies, with nothing behind them.
  k('create service clusterip web --tcp=web:80'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/pods/one:8080/proxy/a/b?c=d'),
  http('GET', '/api/v1/namespaces/{ns}/pods/nothing/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/pods/ftp:one:1/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/pods/a:b:c:d/proxy/'),
  http('POST', '/api/v1/namespaces/{ns}/services/web/proxy/x', { body: {} }),
  http('GET', '/api/v1/namespaces/{ns}/services/web/proxy'),
  http('GET', '/api/v1/namespaces/{ns}/services/http:web:web/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/services/web:81/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/services/web:80/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/services/nothing/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/services/nothing:80/proxy/'),
  http('GET', '/api/v1/nodes/nothing/proxy/healthz'),
  http('GET', '/api/v1/namespaces/{ns}/configmaps/settings/proxy/'),
  http('GET', '/api/v1/namespaces/{ns}/services/web/proxy/', {
    headers: { 'impersonate-user': 'jane' },
    name: 'a proxy for somebody who may not',
  }),
  k('apply -f -', POD),
  http('POST', '/api/v1/namespaces/{ns}/pods/one/binding', {
    body: {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'one' },
      target: { kind: 'Node', name: 'somewhere' },
    },
  }),
  http('POST', '/api/v1/namespaces/{ns}/pods/one/binding', {
    body: {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'one' },
      target: { kind: 'Node', name: 'elsewhere' },
    },
    name: 'bind again',
  }),
  k('get pod one -o jsonpath={.spec.nodeName}{.status.conditions}'),
  http('GET', '/apis/apps/v1/namespaces/{ns}/deployments/web/scale'),
  http('PUT', '/apis/apps/v1/namespaces/{ns}/deployments/web/scale', {
    body: {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'web', namespace: '{ns}' },
      spec: { replicas: 4 },
    },
  }),
  http('PUT', '/apis/apps/v1/namespaces/{ns}/deployments/web/scale', {
    body: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: -4 } },
    name: 'scale below nothing',
  }),
  http('GET', '/apis/apps/v1/namespaces/{ns}/deployments/web/status'),
  http('DELETE', '/apis/apps/v1/namespaces/{ns}/deployments/web/status'),
])

const withoutCurrent = replacing(
  /Too large resource version: (\d+), current: \d+/g,
  'Too large resource version: $1, current: <version>',
)

const LISTS = group('lists', [
  k(
    'create -f -',
    ['a', 'b', 'c', 'd']
      .map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {app: ${name}}}\n`)
      .join('---\n'),
  ),
  http('GET', `${MAPS}?limit=2`),
  http('GET', `${MAPS}?limit=-1`),
  http('GET', `${MAPS}?limit=x`),
  http('GET', `${MAPS}?continue=nonsense`),
  http('GET', `${MAPS}?limit=2&labelSelector=app!=a`),
  http('GET', `${MAPS}?labelSelector=app%20in%20(a`),
  http('GET', `${MAPS}?labelSelector=app==a`),
  http('GET', `${MAPS}?labelSelector=app=a,,`),
  http('GET', `${MAPS}?fieldSelector=metadata.name=a`),
  http('GET', `${MAPS}?fieldSelector=metadata.name`),
  http('GET', `${MAPS}?fieldSelector=data.a=b`),
  http('GET', `${MAPS}?resourceVersion=0`),
  http('GET', `${MAPS}?resourceVersion=x`),
  http('GET', `${MAPS}?resourceVersion=999999999`, { normalise: [withoutCurrent] }),
  http('GET', `${MAPS}?resourceVersion=1&resourceVersionMatch=Odd`),
  http('GET', `${MAPS}?resourceVersionMatch=Exact`),
  http('GET', `${MAPS}?resourceVersion=0&resourceVersionMatch=Exact`),
  http('GET', `${MAPS}?resourceVersion=0&resourceVersionMatch=NotOlderThan`),
  http('GET', `${MAPS}?sendInitialEvents=true`),
  http('GET', `${MAPS}?timeoutSeconds=x`),
  http('GET', `${MAPS}/a?resourceVersion=999999999`, { normalise: [withoutCurrent] }),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&resourceVersion=0`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&resourceVersion=x`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&resourceVersion=999999999`, {
    normalise: [withoutCurrent],
  }),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&limit=1`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=a`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&fieldSelector=data.a=a`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&labelSelector=app=b`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
  http(
    'GET',
    `${MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  ),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&resourceVersionMatch=NotOlderThan`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1&continue=x`),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1`, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    name: 'watch as tables',
  }),
  http('GET', `${MAPS}?watch=1&timeoutSeconds=1`, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
    name: 'watch metadata',
  }),
  http('GET', `${MAPS}?watch=odd&timeoutSeconds=1`),
  http('GET', `${MAPS}/a?watch=1&timeoutSeconds=1`),
  http('GET', '/api/v1/watch/namespaces/{ns}/configmaps?timeoutSeconds=1'),
  http('GET', '/api/v1/watch/namespaces/{ns}/configmaps/a?timeoutSeconds=1'),
  http('GET', '/apis/apps/v1/namespaces/{ns}/deployments?watch=1&timeoutSeconds=1'),
])

const SIZED = `apiVersion: v1
kind: Pod
metadata: {name: sized}
spec:
  containers:
    - {name: c, image: x, resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}}
    - {name: d, image: x}
`
const resize = (containers: readonly object[], more: object = {}) =>
  k(`patch pod sized --subresource=resize -p '${JSON.stringify({ spec: { containers }, ...more })}'`)

const RESIZE = group('resize', [
  k('create -f -', SIZED),
  k(`patch pod sized -p '{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"150m"}}}]}}'`),
  resize([{ name: 'c', resources: { requests: { cpu: '150m' }, limits: { cpu: '300m' } } }]),
  k('get pod sized -o jsonpath={.spec.containers[0].resources}{.metadata.generation}{.status}'),
  resize([{ name: 'c', image: 'y' }]),
  resize([], { metadata: { labels: { a: 'b' } } }),
  k('get pod sized -o jsonpath={.metadata.labels}{.spec.containers[0].image}'),
  resize([{ name: 'c', resources: { requests: { cpu: '1' } } }]),
  resize([{ name: 'c', resources: { limits: { memory: '64Mi' } } }]),
  resize([{ name: 'c', resources: { limits: null } }]),
  resize([{ name: 'c', resources: { requests: { 'ephemeral-storage': '1Gi' } } }]),
  resize([{ name: 'd', resources: { requests: { cpu: '10m' } } }]),
  resize([{ name: 'e', resources: { requests: { cpu: '10m' } } }]),
  resize([{ name: 'c', resources: { requests: { cpu: '-1' } } }]),
  resize([{ name: 'c', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }]),
  k('get pod sized --subresource=resize -o name'),
  k(
    'create -f -',
    SIZED.replace('sized', 'small')
      .replace(/ {4}- {name: d.*\n/, '')
      .replace(/, limits: .*128Mi}/, ''),
  ),
  k(
    `patch pod small --subresource=resize -p '{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"100m","memory":"64Mi"}}}]}}'`,
  ),
  k(`patch pod nothing --subresource=resize -p '{}'`),
  http('POST', '/api/v1/namespaces/{ns}/pods/sized/resize', { body: {} }),
])

export const RAW: readonly Group[] = [REQUESTS, LISTS, RESIZE]
