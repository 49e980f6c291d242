import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../../kube/index.ts'
import type { Attributes } from './access.ts'
import { aggregatedRules } from './aggregation.ts'
import { createGrants, type RbacObjects } from './rbac-grants.ts'
import { describeRule, missingRules, ruleAllows } from './rbac-rules.ts'

const API_VERSION = 'rbac.authorization.k8s.io/v1'
const GROUP = 'rbac.authorization.k8s.io'

function role(name: string, rules: readonly PolicyRule[], namespace = 'demo'): Role {
  return { apiVersion: API_VERSION, kind: 'Role', metadata: { name, namespace }, rules }
}

function clusterRole(name: string, rules: readonly PolicyRule[], more: object = {}): ClusterRole {
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: { name }, rules, ...more }
}

function binding(name: string, of: 'Role' | 'ClusterRole', subjects: readonly Subject[]): RoleBinding {
  const roleRef = { apiGroup: GROUP, kind: of, name }
  return {
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: { name, namespace: 'demo' },
    roleRef,
    subjects,
  }
}

function clusterBinding(name: string, subjects: readonly Subject[]): ClusterRoleBinding {
  const roleRef = { apiGroup: GROUP, kind: 'ClusterRole', name }
  return { apiVersion: API_VERSION, kind: 'ClusterRoleBinding', metadata: { name }, roleRef, subjects }
}

const NOTHING: RbacObjects = { roles: [], clusterRoles: [], roleBindings: [], clusterRoleBindings: [] }
const JANE: Subject = { kind: 'User', name: 'jane' }

interface Ask {
  readonly verb: string
  readonly resource: string
  readonly group?: string
  readonly namespace?: string
  readonly name?: string
}

function asks({ verb, resource, group = '', namespace = 'demo', name = '' }: Ask, user = 'jane'): Attributes {
  const [plural = '', subresource = ''] = resource.split('/')
  const path = { group, version: 'v1', plural, subresource, namespace, name }
  return { kind: 'resource', user: { name: user, groups: ['system:authenticated'] }, verb, path }
}

const READ_PODS: PolicyRule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }

test('a rule allows by verb, group, resource and name; a star stands for all of them', () => {
  const allows = (rule: Partial<PolicyRule>, ask: Ask) =>
    ruleAllows({ verbs: ['get'], apiGroups: [''], resources: ['pods'], ...rule }, asks(ask))
  const getPod: Ask = { verb: 'get', resource: 'pods', name: 'a' }
  assert.equal(allows({}, getPod), true)
  assert.equal(allows({}, { ...getPod, verb: 'delete' }), false)
  assert.equal(allows({ verbs: ['*'] }, { ...getPod, verb: 'delete' }), true)
  assert.equal(allows({}, { ...getPod, group: 'apps' }), false)
  assert.equal(allows({ apiGroups: ['*'] }, { ...getPod, group: 'apps' }), true)
  assert.equal(allows({ resourceNames: ['a'] }, getPod), true)
  assert.equal(allows({ resourceNames: ['b'] }, getPod), false)
  assert.equal(allows({ resourceNames: ['a'], verbs: ['list'] }, { verb: 'list', resource: 'pods' }), false)
})

test('a resource does not include its subresources, a star does, and */log is the log of anything', () => {
  const allows = (resources: readonly string[]) =>
    ruleAllows({ verbs: ['get'], apiGroups: [''], resources }, asks({ verb: 'get', resource: 'pods/log' }))
  assert.deepEqual([['pods'], ['pods/log'], ['*'], ['*/log'], ['*/status'], ['pods/*']].map(allows), [
    false,
    true,
    true,
    true,
    false,
    false,
  ])
})

test('a path is allowed exactly or by a prefix before a star, and by cluster bindings alone', () => {
  const rules = [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/apis/*'] }]
  const grants = createGrants({
    ...NOTHING,
    clusterRoles: [clusterRole('r', rules)],
    clusterRoleBindings: [clusterBinding('r', [JANE])],
  })
  const may = (path: string) =>
    grants.decide({ kind: 'path', user: { name: 'jane', groups: [] }, verb: 'get', path }).allowed
  assert.deepEqual(['/healthz', '/healthz/x', '/apis/apps', '/apis', '/'].map(may), [
    true,
    false,
    true,
    false,
    false,
  ])
})

test('a RoleBinding gives rights in its namespace only, of a ClusterRole too', () => {
  const grants = createGrants({
    ...NOTHING,
    clusterRoles: [clusterRole('reader', [READ_PODS])],
    roleBindings: [binding('reader', 'ClusterRole', [JANE])],
  })
  const list: Ask = { verb: 'list', resource: 'pods' }
  assert.deepEqual(grants.decide(asks(list)), {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "reader/demo" of ClusterRole "reader" to User "jane"',
  })
  assert.equal(grants.decide(asks({ ...list, namespace: 'other' })).allowed, false)
  assert.equal(grants.decide(asks({ ...list, namespace: '' })).allowed, false)
})

test('a ServiceAccount without a namespace is one of the binding’s, and is a user by its long name', () => {
  const grants = createGrants({
    ...NOTHING,
    roles: [role('reader', [READ_PODS])],
    roleBindings: [binding('reader', 'Role', [{ kind: 'ServiceAccount', name: 'robot' }])],
  })
  const list: Ask = { verb: 'list', resource: 'pods' }
  assert.match(
    grants.decide(asks(list, 'system:serviceaccount:demo:robot')).reason,
    /to ServiceAccount "robot\/demo"$/,
  )
  assert.equal(grants.decide(asks(list, 'system:serviceaccount:other:robot')).allowed, false)
})

test('a binding of a role that is not there gives nothing and says so', () => {
  const grants = createGrants({ ...NOTHING, clusterRoleBindings: [clusterBinding('gone', [JANE])] })
  assert.deepEqual(grants.decide(asks({ verb: 'list', resource: 'pods' })), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  })
})

test('members of system:masters may do everything without any role', () => {
  const user = { name: 'root', groups: ['system:masters'] }
  assert.equal(createGrants(NOTHING).decide({ kind: 'path', user, verb: 'get', path: '/x' }).allowed, true)
})

test('missing rules are named one by one, and a rule that several held ones cover together is not missing', () => {
  const wanted = [{ apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get', 'list'] }]
  const held = [READ_PODS, { apiGroups: ['*'], resources: ['secrets'], verbs: ['get'] }]
  assert.deepEqual(missingRules(held, wanted).map(describeRule), [
    '{APIGroups:[""], Resources:["secrets"], Verbs:["list"]}',
  ])
  assert.deepEqual(missingRules([...held, { ...held[1]!, verbs: ['list'] }], wanted), [])
})

test('an aggregated role has the rules of the roles that it selects, each once, in the order of their names', () => {
  const labels = { 'to-all': 'true' }
  const other = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }
  const roles = [
    { ...clusterRole('b', [READ_PODS, other]), metadata: { name: 'b', labels } },
    { ...clusterRole('a', [READ_PODS]), metadata: { name: 'a', labels } },
    clusterRole('c', [{ verbs: ['*'], nonResourceURLs: ['*'] }]),
  ]
  const all = clusterRole('all', [], {
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
  })
  assert.deepEqual(aggregatedRules(all, roles), [READ_PODS, other])
})

const word = fc.constantFrom('a', 'b', 'c', '*')
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 3 })
const anyRule: fc.Arbitrary<PolicyRule> = fc.record({ verbs: words, apiGroups: words, resources: words })
const anySubject: fc.Arbitrary<Subject> = fc.record({
  kind: fc.constantFrom('User', 'Group', 'ServiceAccount'),
  name: fc.constantFrom('jane', 'system:authenticated', 'robot'),
})
const anyObjects = fc.record({
  rules: fc.array(anyRule, { maxLength: 4 }),
  subjects: fc.array(fc.array(anySubject, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
})

test('the order of rules, roles, bindings and subjects never changes a decision or its reason', () => {
  fc.assert(
    fc.property(
      anyObjects,
      fc.infiniteStream(fc.nat(100)),
      word,
      word,
      ({ rules, subjects }, stream, verb, resource) => {
        const shuffled = <T>(list: readonly T[]): T[] =>
          list
            .map((value) => ({ value, weight: stream.next().value as number }))
            .sort((a, b) => a.weight - b.weight)
            .map(({ value }) => value)
        const objects = (change: <T>(list: readonly T[]) => readonly T[]): RbacObjects => ({
          roles: change(rules.map((rule, index) => role(`r${index}`, change([rule, READ_PODS])))),
          clusterRoles: change(
            rules.map((rule, index) => clusterRole(`r${index}`, change([READ_PODS, rule]))),
          ),
          roleBindings: change(subjects.map((each, index) => binding(`r${index}`, 'Role', change(each)))),
          clusterRoleBindings: change(
            subjects.map((each, index) => clusterBinding(`r${index + 1}`, change(each))),
          ),
        })
        const asked = asks({ verb, resource, group: 'a' })
        const plain = createGrants(objects((list) => list)).decide(asked)
        assert.deepEqual(createGrants(objects(shuffled)).decide(asked), plain)
      },
    ),
    { numRuns: 200 },
  )
})

test('what a set of rules does not lack, it allows', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 3 }), anyRule, (held, wanted) => {
      const isCovered = missingRules(held, [wanted]).length === 0
      for (const verb of wanted.verbs) {
        for (const group of wanted.apiGroups ?? []) {
          for (const resource of wanted.resources ?? []) {
            const asked = asks({ verb, group, resource })
            const isAllowed = held.some((rule) => ruleAllows(rule, asked))
            if (isCovered) assert.equal(isAllowed, true)
          }
        }
      }
    }),
  )
})
