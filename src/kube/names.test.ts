import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as names from './names.ts'
import { formatFieldError } from './schema/field-error.ts'

test('names are checked in the words of Kubernetes', () => {
  assert.deepEqual(names.checkDns1123Label('my-name'), [])
  assert.deepEqual(names.checkDns1123Label('a.b'), ['must not contain dots'])
  assert.deepEqual(names.checkDns1123Label('My_Name'), [
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ])
  assert.deepEqual(names.checkDns1123Label('a'.repeat(64)), ['must be no more than 63 characters'])
  assert.deepEqual(names.checkDns1123Subdomain('a.b-c'), [])
  assert.equal(names.checkDns1035Label('1a').length, 1)
  assert.deepEqual(names.checkPathSegment('system:node'), [])
  assert.deepEqual(names.checkPathSegment('a/b'), ["may not contain '/'"])
  assert.deepEqual(names.checkQualifiedName('example.com/My.Name'), [])
  assert.equal(names.checkQualifiedName('a/b/c').length, 1)
  assert.deepEqual(names.checkPortName('http--2'), ['must not contain consecutive hyphens'])
})

test('metadata is checked field by field', () => {
  const errors = (meta: object) =>
    names.validateObjectMeta(meta, names.checkDns1123Subdomain).map(formatFieldError)
  assert.deepEqual(errors({ generateName: 'a-' }), [
    'metadata.name: Required value: name or generateName is required',
  ])
  assert.deepEqual(errors({ name: 'a', generateName: 'a-', labels: { 'a/b': 'c' } }), [])
  assert.match(
    errors({ name: 'a', labels: { a: 'b c' } })[0] ?? '',
    /^metadata\.labels: Invalid value: "b c": a valid label must be/,
  )
  assert.match(
    errors({ name: 'a', annotations: { 'a b': '' } })[0] ?? '',
    /^metadata\.annotations: Invalid value: "a b": name part/,
  )
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }
  const printed = '{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true}'
  assert.deepEqual(errors({ name: 'a', ownerReferences: [owner, owner] }), [
    `metadata.ownerReferences: Invalid value: [${printed},${printed}]: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/p`,
  ])
})
