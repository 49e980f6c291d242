import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiRequest } from '../request.ts'
import { StatusError } from '../status-error.ts'
import type { Attributes } from './access.ts'
import { impersonate } from './impersonation.ts'

type Headers = Readonly<Record<string, readonly string[]>>

function requestWith(headers: Headers): ApiRequest {
  return {
    method: 'GET',
    path: '/api',
    query: new URLSearchParams(),
    header: (name) => headers[name]?.join(', '),
    headersFrom: (prefix) => Object.entries(headers).filter(([name]) => name.startsWith(prefix)),
    body: () => Promise.resolve({ kind: 'value', value: undefined }),
    user: { name: 'admin', groups: [] },
    signal: new AbortController().signal,
  }
}

/** @returns who the request is from, and what was asked to be allowed */
function as(headers: Headers) {
  const asked: string[] = []
  const { user } = impersonate((attributes: Attributes) => {
    assert.ok(attributes.kind === 'resource' && attributes.verb === 'impersonate')
    const { group, plural, subresource, namespace, name } = attributes.path
    asked.push([group, plural, subresource, namespace, name].join('/'))
    return { allowed: true, reason: '' }
  }, requestWith(headers))
  return { user, asked }
}

test('a user, groups, a uid and extra fields may be asked for, each as a permission of its own', () => {
  const { user, asked } = as({
    'impersonate-user': ['jane'],
    'impersonate-group': ['dev', 'ops, and more'],
    'impersonate-uid': ['7'],
    'impersonate-extra-example.com%2fscopes': ['view', 'edit'],
  })
  assert.deepEqual(user, {
    name: 'jane',
    uid: '7',
    groups: ['dev', 'ops, and more', 'system:authenticated'],
    extra: { 'example.com/scopes': ['view', 'edit'] },
  })
  assert.deepEqual(asked, [
    '/users///jane',
    '/groups///dev',
    '/groups///ops, and more',
    'authentication.k8s.io/userextras/example.com/scopes//view',
    'authentication.k8s.io/userextras/example.com/scopes//edit',
    'authentication.k8s.io/uids///7',
  ])
})

test('a ServiceAccount is asked for by its own kind, and is of its groups unless others are named', () => {
  const account = { 'impersonate-user': ['system:serviceaccount:demo:robot'] }
  const { user, asked } = as(account)
  assert.deepEqual(user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:demo',
    'system:authenticated',
  ])
  assert.deepEqual(asked, ['/serviceaccounts//demo/robot'])
  assert.deepEqual(as({ ...account, 'impersonate-group': ['x'] }).user.groups, ['x', 'system:authenticated'])
})

test('everybody is authenticated who does not say otherwise', () => {
  const groupsOf = (name: string, ...groups: readonly string[]) =>
    as({ 'impersonate-user': [name], 'impersonate-group': groups }).user.groups
  assert.deepEqual(groupsOf('system:anonymous'), ['system:unauthenticated'])
  assert.deepEqual(groupsOf('jane', 'system:unauthenticated'), ['system:unauthenticated'])
  assert.deepEqual(groupsOf('jane', 'system:authenticated'), ['system:authenticated'])
})

test('groups, uids and extra fields are nobody’s without a user', () => {
  const refusal = (headers: Headers) => {
    try {
      as(headers)
    } catch (error) {
      assert.ok(error instanceof StatusError)
      return `${error.status.code} ${error.message}`
    }
    return 'allowed'
  }
  assert.equal(
    refusal({ 'impersonate-group': ['people'] }),
    '400 requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"people"}, Extra:map[string][]string(nil)} without impersonating a user name',
  )
  assert.match(
    refusal({ 'impersonate-extra-a': ['b'] }),
    /Extra:map\[string\]\[\]string\{"a":\[\]string\{"b"\}\}/,
  )
  assert.equal(refusal({}), 'allowed')
})
