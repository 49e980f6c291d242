/** Who may do what, asked of a whole server: roles in the store, refusals as clients see them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  ApiError,
  createKubeClient,
  KINDS,
  type KubeClient,
  type KindRef,
  pathOf,
} from '../../kube/client/index.ts'
import type { ClusterRole, KubeObject, PolicyRule } from '../../kube/index.ts'
import { systemClock } from '../../base/index.ts'
import { at, listAt } from './json.ts'
import { configMap, startTestServer, type TestServer } from './testing.ts'

const GROUP = 'rbac.authorization.k8s.io'
const kind = (name: string, namespaced: boolean): KindRef => ({
  group: GROUP,
  version: 'v1',
  plural: `${name.toLowerCase()}s`,
  kind: name,
  namespaced,
})
const ROLE = kind('Role', true)
const BINDING = kind('RoleBinding', true)
const CLUSTER_ROLE = kind('ClusterRole', false)
const CLUSTER_BINDING = kind('ClusterRoleBinding', false)

let its: TestServer
before(async () => {
  its = await startTestServer()
})
after(() => its.stop())

function as(name: string, ...groups: string[]): KubeClient {
  return createKubeClient(its.server.localTransport({ name, groups: [...groups, 'system:authenticated'] }))
}

function roleOf(name: string, rules: readonly PolicyRule[]): KubeObject & { rules: readonly PolicyRule[] } {
  return { apiVersion: `${GROUP}/v1`, kind: 'Role', metadata: { name, namespace: 'default' }, rules }
}

function bindingOf(name: string, roleRef: { kind: string; name: string }, user: string) {
  const subjects = [{ kind: 'User', apiGroup: GROUP, name: user }]
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace: 'default' },
    roleRef: { apiGroup: GROUP, ...roleRef },
    subjects,
  }
}

async function grant(user: string, rules: readonly PolicyRule[]): Promise<void> {
  await its.client.create(ROLE, roleOf(user, rules))
  await its.client.create(BINDING, bindingOf(user, { kind: 'Role', name: user }, user))
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => assert.fail('the call was allowed'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ApiError)
  return `${error.status} ${error.message}`
}

const READ_CONFIG: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }

test('who has no role may only discover and ask about themselves', async () => {
  const client = as('nobody')
  assert.equal(
    await refusal(client.list(KINDS.pod, { namespace: 'default' })),
    '403 pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"',
  )
  assert.equal(
    await refusal(client.get(KINDS.deployment, 'web', 'default')),
    '403 deployments.apps "web" is forbidden: User "nobody" cannot get resource "deployments" in API group "apps" in the namespace "default"',
  )
  assert.equal(
    await refusal(client.list(KINDS.node)),
    '403 nodes is forbidden: User "nobody" cannot list resource "nodes" in API group "" at the cluster scope',
  )
  assert.equal((await client.request({ method: 'GET', path: '/apis/apps/v1' })).status, 200)
  const root = await client.request({ method: 'GET', path: '/' })
  assert.deepEqual(
    [root.status, at(root.body, 'message')],
    [403, 'forbidden: User "nobody" cannot get path "/"'],
  )
  // What is not there is refused like what is.
  const unknown = await client.request({ method: 'GET', path: '/apis/no.such.group/v1/things' })
  assert.equal(unknown.status, 403)
})

test('a grant counts from its commit on and ends with its binding', async () => {
  const client = as('reader')
  await grant('reader', [READ_CONFIG])
  await its.client.create(KINDS.configMap, configMap('granted'))
  assert.equal((await client.get(KINDS.configMap, 'granted', 'default'))?.metadata.name, 'granted')
  assert.match(await refusal(client.create(KINDS.configMap, configMap('mine'))), /^403 .*cannot create/)
  assert.match(await refusal(client.list(KINDS.configMap)), /at the cluster scope$/)
  await its.client.delete(BINDING, 'reader', 'default')
  assert.match(await refusal(client.get(KINDS.configMap, 'granted', 'default')), /^403 /)
})

test('names in a rule hold for one object, and for a list of that one name', async () => {
  await grant('one', [{ ...READ_CONFIG, resourceNames: ['only'] }])
  await its.client.create(KINDS.configMap, configMap('only'))
  const client = as('one')
  await client.get(KINDS.configMap, 'only', 'default')
  assert.match(await refusal(client.get(KINDS.configMap, 'other', 'default')), /^403 configmaps "other"/)
  const listed = await client.list(KINDS.configMap, {
    namespace: 'default',
    fieldSelector: 'metadata.name=only',
  })
  assert.equal(listed.items.length, 1)
  assert.match(await refusal(client.list(KINDS.configMap, { namespace: 'default' })), /^403 /)
})

test('applying what is not there yet needs the right to create it', async () => {
  await grant('patcher', [{ ...READ_CONFIG, verbs: ['patch'] }])
  const apply = as('patcher').patch(KINDS.configMap, 'applied', 'default', configMap('applied'), {
    type: 'apply',
    fieldManager: 'm',
  })
  assert.match(await refusal(apply), /^403 .*cannot create resource "configmaps"/)
})

test('nobody grants more than they hold, unless they may escalate or bind', async () => {
  const rights: PolicyRule = { apiGroups: [GROUP], resources: ['roles', 'rolebindings'], verbs: ['*'] }
  const manage = { ...rights, verbs: ['get', 'create', 'update', 'patch'] }
  await grant('manager', [manage, READ_CONFIG])
  const client = as('manager')
  await client.create(ROLE, roleOf('held', [READ_CONFIG]))
  const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }
  assert.equal(
    await refusal(client.create(ROLE, roleOf('more', [READ_CONFIG, secrets]))),
    '403 roles.rbac.authorization.k8s.io "more" is forbidden: user "manager" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
  )
  await client.create(BINDING, bindingOf('held', { kind: 'Role', name: 'held' }, 'friend'))
  const toAdmin = bindingOf('up', { kind: 'ClusterRole', name: 'cluster-admin' }, 'manager')
  assert.match(await refusal(client.create(BINDING, toAdmin)), /is attempting to grant RBAC permissions/)
  await grant('binder', [manage, { ...rights, verbs: ['escalate'] }])
  await as('binder').create(ROLE, roleOf('more', [secrets]))
  assert.match(await refusal(as('binder').create(BINDING, toAdmin)), /^403 /)
})

test('impersonation needs a right of its own, and then counts for everything', async () => {
  const headers = { 'impersonate-user': 'reader-2', 'impersonate-group': 'readers' }
  const path = pathOf(KINDS.configMap, { namespace: 'default' })
  const transport = its.server.localTransport({ name: 'nobody', groups: ['system:authenticated'] })
  const refused = await transport.request({ method: 'GET', path, headers })
  assert.equal(
    at(refused.body, 'message'),
    'users "reader-2" is forbidden: User "nobody" cannot impersonate resource "users" in API group "" at the cluster scope',
  )
  const root = its.server.localTransport({ name: 'root', groups: ['system:masters'] })
  assert.equal((await root.request({ method: 'GET', path, headers })).status, 403)
  const review = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' }
  const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const who = await root.request({ method: 'POST', path: reviews, body: review, headers })
  assert.deepEqual(at(who.body, 'status', 'userInfo'), {
    username: 'reader-2',
    groups: ['readers', 'system:authenticated'],
  })
})

test('access reviews answer as the request itself would be answered', async () => {
  await grant('asker', [READ_CONFIG])
  const ask = async (client: KubeClient, plural: string, spec: object, namespace = '') => {
    const where = namespace === '' ? '' : `namespaces/${namespace}/`
    const path = `/apis/authorization.k8s.io/v1/${where}${plural}`
    return client.request({ method: 'POST', path, body: { spec } })
  }
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace: 'default' }
  const self = await ask(as('asker'), 'selfsubjectaccessreviews', { resourceAttributes })
  assert.deepEqual(at(self.body, 'status'), {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "asker/default" of Role "asker" to User "asker"',
  })
  const denied = { resourceAttributes: { ...resourceAttributes, verb: 'delete' } }
  const other = await ask(its.client, 'subjectaccessreviews', { user: 'asker', ...denied })
  assert.deepEqual(at(other.body, 'status'), { allowed: false })
  assert.equal((await ask(as('asker'), 'subjectaccessreviews', { user: 'x', ...denied })).status, 403)
  const local = await ask(
    its.client,
    'localsubjectaccessreviews',
    { user: 'x', resourceAttributes },
    'kube-system',
  )
  assert.equal(local.status, 400)
  const rules = await ask(as('asker'), 'selfsubjectrulesreviews', { namespace: 'default' })
  const found = listAt(rules.body, 'status', 'resourceRules').find(
    (each) => listAt(each, 'resources')[0] === 'configmaps',
  )
  assert.deepEqual(found, READ_CONFIG)
})

test('the default roles are there, and admin has what edit and view have', async () => {
  const rulesOf = async (name: string) => (await its.client.get<ClusterRole>(CLUSTER_ROLE, name))?.rules ?? []
  const [admin, edit, view] = await Promise.all(['admin', 'edit', 'view'].map(rulesOf))
  assert.ok(admin && edit && view && view.length > 0)
  const texts = (rules: readonly PolicyRule[]) => rules.map((rule) => JSON.stringify(rule))
  assert.ok(texts(view).every((rule) => texts(edit).includes(rule)))
  assert.ok(texts(edit).every((rule) => texts(admin).includes(rule)))
  const binding = { ...bindingOf('viewers', { kind: 'ClusterRole', name: 'view' }, 'viewer') }
  await its.client.create(BINDING, binding)
  await as('viewer').list(KINDS.pod, { namespace: 'default' })
  assert.match(await refusal(as('viewer').list(KINDS.secret, { namespace: 'default' })), /^403 /)
})

test('a role that asks for it is filled with the rules of others, and follows them', async () => {
  const labels = { 'team/aggregate': 'true' }
  const metadata = { name: 'team' }
  const apiVersion = `${GROUP}/v1`
  await its.client.create(CLUSTER_ROLE, {
    apiVersion,
    kind: 'ClusterRole',
    metadata,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
  } as KubeObject)
  const part = { apiVersion, kind: 'ClusterRole', metadata: { name: 'part', labels }, rules: [READ_CONFIG] }
  await its.client.create(CLUSTER_ROLE, part)
  const deadline = systemClock.monotonic() + 5000
  for (;;) {
    const team = await its.client.get<ClusterRole>(CLUSTER_ROLE, 'team')
    if (team?.rules?.length === 1) break
    assert.ok(systemClock.monotonic() < deadline, 'the role was not filled')
    await systemClock.sleep(5)
  }
  await its.client.create(CLUSTER_BINDING, {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'team' },
    subjects: [{ kind: 'Group', apiGroup: GROUP, name: 'team' }],
  } as KubeObject)
  await as('member', 'team').list(KINDS.configMap)
})
