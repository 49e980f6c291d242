import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { ApiError, createKubeClient, KINDS, type KindRef } from '../../../kube/client/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { configMap, startTestServer, type TestServer } from '../testing.ts'
import { postOverTls } from './testing.ts'

const CRDS = join(import.meta.dirname, '../../../../../shared/crds/gateway-api')
const API_VERSION = 'admissionregistration.k8s.io/v1'
const kind = (name: string, plural: string): KindRef => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural,
  kind: name,
  namespaced: false,
})
const POLICY = kind('ValidatingAdmissionPolicy', 'validatingadmissionpolicies')
const BINDING = kind('ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings')
const CONFIG_MAPS = [
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    resources: ['configmaps'],
  },
]

let its: TestServer
before(async () => {
  its = await startTestServer()
})
after(() => its.stop())

/** Runs with a policy and its binding in force, and takes them away again. */
async function under(spec: object, binding: object, run: () => Promise<void>): Promise<void> {
  const metadata = { name: 'p' }
  const matchConstraints = { resourceRules: CONFIG_MAPS }
  const policy = { apiVersion: API_VERSION, kind: POLICY.kind, metadata, spec: { matchConstraints, ...spec } }
  await its.client.create(POLICY, policy)
  const bound = { policyName: 'p', validationActions: ['Deny'], ...binding }
  await its.client.create(BINDING, { apiVersion: API_VERSION, kind: BINDING.kind, metadata, spec: bound })
  try {
    await run()
  } finally {
    await its.client.delete(BINDING, 'p')
    await its.client.delete(POLICY, 'p')
  }
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => assert.fail('the write was admitted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ApiError)
  return `${error.status} ${error.reason} ${error.message}`
}

const create = (name: string, data: Readonly<Record<string, string>>) =>
  its.client.create(KINDS.configMap, configMap(name, data))

test('what a bound policy denies is refused, with its message, reason and code', async () => {
  const validations = [{ expression: "object.data.color != 'red'", message: 'no red', reason: 'Forbidden' }]
  await under({ validations }, {}, async () => {
    assert.equal(
      await refusal(create('a', { color: 'red' })),
      `403 Forbidden configmaps "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no red`,
    )
    await create('a', { color: 'blue' })
  })
  await create('b', { color: 'red' })
})

test('without a message the expression is named, and without a reason the object is invalid', async () => {
  await under({ validations: [{ expression: '  object.data.size() > 1 ' }] }, {}, async () => {
    assert.match(
      await refusal(create('c', { a: '' })),
      /^422 Invalid .* denied request: failed expression: object\.data\.size\(\) > 1$/,
    )
  })
})

test('variables, parameters, the namespace, the old object and the request are seen', async () => {
  await create('limit', { limit: '2' })
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConditions: [{ name: 'not-the-limit', expression: "request.name != 'limit'" }],
    variables: [
      { name: 'limit', expression: 'int(params.data.limit)' },
      { name: 'twice', expression: 'variables.limit * 2' },
    ],
    validations: [
      {
        expression: "request.operation == 'DELETE' || object.data.size() <= variables.limit",
        messageExpression: "'at most ' + string(variables.limit) + ', not ' + string(variables.twice)",
      },
      { expression: "namespaceObject.metadata.name == 'default' && request.userInfo.username == 'tester'" },
      { expression: "request.operation != 'UPDATE' || has(oldObject.data.kept)" },
    ],
  }
  await under(spec, { paramRef: { name: 'limit', parameterNotFoundAction: 'Deny' } }, async () => {
    assert.match(await refusal(create('d', { a: '', b: '', c: '' })), /denied request: at most 2, not 4$/)
    await create('d', { a: '' })
    const patch = its.client.patch(KINDS.configMap, 'd', 'default', { data: { b: '' } }, { type: 'merge' })
    assert.match(await refusal(patch), /has\(oldObject\.data\.kept\)$/)
    await its.client.delete(KINDS.configMap, 'd', 'default')
    await its.client.delete(KINDS.configMap, 'limit', 'default')
    assert.match(await refusal(create('e', {})), /no params found for policy binding/)
  })
})

test('an expression that fails refuses under Fail and is passed over under Ignore', async () => {
  const validations = [{ expression: 'object.data.missing == "x"' }]
  await under({ validations }, {}, async () => {
    assert.match(
      await refusal(create('f', { a: '' })),
      /expression 'object\.data\.missing == "x"' resulted in error: /,
    )
  })
  await under({ validations, failurePolicy: 'Ignore' }, {}, async () => {
    await create('f', { a: '' })
  })
})

test('a binding may only warn, and may be for some objects only', async () => {
  const validations = [{ expression: 'false', message: 'never' }]
  const warned = { validationActions: ['Warn', 'Audit'] }
  await under({ validations }, warned, async () => {
    await create('g', {})
  })
  const matchResources = { objectSelector: { matchLabels: { strict: 'yes' } } }
  await under({ validations }, { matchResources }, async () => {
    await create('h', {})
    const strict = configMap('i', {}, { labels: { strict: 'yes' } })
    assert.match(await refusal(its.client.create(KINDS.configMap, strict)), /denied request: never$/)
  })
})

test('what one binding denies is warned about by all others first', async () => {
  const validations = [{ expression: 'false', message: 'never' }]
  const warned: string[] = []
  await under({ validations }, { validationActions: ['Deny'] }, async () => {
    const binding = { policyName: 'p', validationActions: ['Warn'] }
    const metadata = { name: 'z' }
    await its.client.create(BINDING, {
      apiVersion: API_VERSION,
      kind: BINDING.kind,
      metadata,
      spec: binding,
    })
    const port = await its.server.listen({ host: '127.0.0.1', port: 0 })
    const response = await postOverTls(its.pki, port, configMap('warned'))
    await its.client.delete(BINDING, 'z')
    assert.equal(response.status, 422)
    warned.push(...response.warnings)
  })
  assert.deepEqual(warned, [
    `299 - "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'z': never"`,
  ])
})

test('a policy whose parameters are of no kind that is served denies whatever its binding wants', async () => {
  const spec = { paramKind: { apiVersion: 'v1', kind: 'Nothing' }, validations: [{ expression: 'true' }] }
  const paramRef = { name: 'x', parameterNotFoundAction: 'Allow' }
  await under(spec, { validationActions: ['Audit'], paramRef }, async () => {
    assert.match(
      await refusal(create('l', {})),
      /denied request: failed to configure policy: failed to find resource referenced by paramKind: '\/v1, Kind=Nothing'$/,
    )
  })
  await under({ ...spec, failurePolicy: 'Ignore' }, { paramRef }, async () => {
    await create('l', {})
  })
})

test('parameters are chosen by labels, each is judged by, and none is no policy where that is allowed', async () => {
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConditions: [{ name: 'not-the-limits', expression: "!request.name.startsWith('limit')" }],
    validations: [
      {
        expression: 'object.data.size() <= int(params.data.limit)',
        messageExpression: 'params.metadata.name',
      },
    ],
  }
  const paramRef = { selector: { matchLabels: { kind: 'limit' } }, parameterNotFoundAction: 'Allow' }
  await under(spec, { paramRef }, async () => {
    await create('m', { a: '', b: '' })
    const labels = { kind: 'limit' }
    await its.client.create(KINDS.configMap, configMap('limit-3', { limit: '3' }, { labels }))
    await its.client.create(KINDS.configMap, configMap('limit-1', { limit: '1' }, { labels }))
    assert.match(await refusal(create('n', { a: '', b: '' })), /denied request: limit-1$/)
    await create('n', { a: '' })
  })
})

test('excluded resources and names are no concern of a policy', async () => {
  const [rules] = CONFIG_MAPS
  const matchConstraints = {
    resourceRules: CONFIG_MAPS,
    excludeResourceRules: [{ ...rules, resourceNames: ['o'] }],
  }
  await under({ matchConstraints, validations: [{ expression: 'false' }] }, {}, async () => {
    await create('o', {})
    await refusal(create('q', {}))
  })
})

test('an annotation that cannot be evaluated denies under Fail', async () => {
  const auditAnnotations = [{ key: 'size', valueExpression: 'object.data.size()' }]
  await under({ auditAnnotations }, {}, async () => {
    assert.match(
      await refusal(create('r', { a: '' })),
      /valueExpression 'object\.data\.size\(\)' resulted in unsupported return type: /,
    )
  })
})

test('a policy whose expression cannot be read is refused', async () => {
  const metadata = { name: 'broken' }
  const spec = {
    matchConstraints: { resourceRules: CONFIG_MAPS },
    validations: [{ expression: 'object.x ==' }],
  }
  assert.match(
    await refusal(its.client.create(POLICY, { apiVersion: API_VERSION, kind: POLICY.kind, metadata, spec })),
    /^422 Invalid .*spec\.validations\[0\]\.expression: Invalid value: "object\.x ==": compilation failed: /,
  )
})

test('an expression may ask what the requester may do', async () => {
  const expression = "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()"
  const rule = { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'maker' },
  }
  const group = 'rbac.authorization.k8s.io'
  const roles = { group, version: 'v1', plural: 'clusterroles', kind: 'ClusterRole', namespaced: false }
  const bindings = { ...roles, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' }
  await its.client.create(roles, { ...role, rules: [rule] } as KubeObject)
  await its.client.create(bindings, {
    ...role,
    kind: 'ClusterRoleBinding',
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'maker' },
    subjects: [{ apiGroup: group, kind: 'User', name: 'jane' }],
  } as KubeObject)
  const jane = createKubeClient(its.server.localTransport({ name: 'jane', groups: ['system:authenticated'] }))
  await under({ validations: [{ expression, message: 'only who reads secrets' }] }, {}, async () => {
    await create('j', {})
    assert.match(await refusal(jane.create(KINDS.configMap, configMap('k'))), /only who reads secrets$/)
  })
})

test('Gateway API’s own policy keeps older bundles out', { skip: !existsSync(CRDS) }, async () => {
  const read = (path: string) =>
    parseAllDocuments(readFileSync(join(CRDS, path), 'utf8')).map((document) => document.toJS() as KubeObject)
  const objects = read('v1.6.1/standard/gateway.networking.k8s.io_vap_safeupgrades.yaml')
  for (const object of objects) {
    if (object?.kind === POLICY.kind) await its.client.create(POLICY, object)
    if (object?.kind === BINDING.kind) await its.client.create(BINDING, object)
  }
  const classes = 'gateway.networking.k8s.io_gatewayclasses.yaml'
  const [older] = read(`v1.4.0/standard/${classes}`)
  const [newer] = read(`v1.6.1/standard/${classes}`)
  const [experimental] = read(`v1.6.1/experimental/${classes}`)
  assert.ok(older && newer && experimental)
  assert.match(
    await refusal(its.client.create(KINDS.customResourceDefinition, older)),
    /^422 Invalid customresourcedefinitions\.apiextensions\.k8s\.io "gatewayclasses\.gateway\.networking\.k8s\.io" is forbidden: ValidatingAdmissionPolicy 'safe-upgrades\.gateway\.networking\.k8s\.io' with binding 'safe-upgrades\.gateway\.networking\.k8s\.io' denied request: Installing CRDs with version .* is prohibited/,
  )
  await its.client.create(KINDS.customResourceDefinition, newer)
  const { name } = newer.metadata
  const upgrade = its.client.patch(KINDS.customResourceDefinition, name, undefined, experimental, {
    type: 'apply',
    fieldManager: 'm',
    force: true,
  })
  assert.match(
    await refusal(upgrade),
    /Installing experimental CRDs on top of standard channel CRDs is prohibited/,
  )
})
