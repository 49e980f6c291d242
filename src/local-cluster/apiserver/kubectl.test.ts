import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from './testing.ts'
import { type Kubectl, startKubectl } from './testing-kubectl.ts'

const ROOT = join(import.meta.dirname, '../../..')
const CRDS = join(ROOT, '../shared/crds/gateway-api/v1.4.0/standard')

let its: TestServer
let kubectl: Kubectl['kubectl']
let run: Kubectl['run']
before(async () => {
  its = await startTestServer()
  ;({ kubectl, run } = await startKubectl(its))
})
after(() => its.stop())

async function refusal(line: string, input = ''): Promise<string> {
  const { code, err } = await run(line.split(' '), input)
  assert.notEqual(code, 0, `kubectl ${line} was meant to fail`)
  return err.trimEnd()
}

const columns = (text: string) => text.split('\n').map((line) => line.trim().split(/\s{2,}/))

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: nginx, ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, name: http, nodePort: 30080}]}
`

describe('kubectl', () => {
  test('creates a namespace (a protobuf body) and says when it is there already', async () => {
    assert.equal(await kubectl('create namespace demo'), 'namespace/demo created')
    assert.equal(
      await refusal('create namespace demo'),
      'Error from server (AlreadyExists): namespaces "demo" already exists',
    )
    assert.deepEqual(columns(await kubectl('get namespace demo'))[0], ['NAME', 'STATUS', 'AGE'])
  })

  test('applies, and applies again without a change', async () => {
    assert.equal(await kubectl('apply -f -', WEB), 'deployment.apps/web created\nservice/web created')
    assert.equal(await kubectl('apply -f -', WEB), 'deployment.apps/web unchanged\nservice/web unchanged')
    assert.equal(
      await kubectl('apply -f -', WEB.replace('replicas: 2', 'replicas: 3')),
      'deployment.apps/web configured\nservice/web unchanged',
    )
    assert.equal(
      await kubectl('apply --server-side --force-conflicts -f -', WEB),
      'deployment.apps/web serverside-applied\nservice/web serverside-applied',
    )
  })

  test('prints tables, wide tables, yaml, json, names and single fields', async () => {
    const [head, row] = columns(await kubectl('get deployment web -n demo -o wide'))
    assert.deepEqual(head, [
      'NAME',
      'READY',
      'UP-TO-DATE',
      'AVAILABLE',
      'AGE',
      'CONTAINERS',
      'IMAGES',
      'SELECTOR',
    ])
    assert.deepEqual(
      row?.filter((_, index) => index !== 4),
      ['web', '0/2', '0', '0', 'web', 'nginx', 'app=web'],
    )
    const service = columns(await kubectl('get service web -n demo'))[1]
    assert.deepEqual(
      [service?.[1], service?.[3], service?.[4]],
      ['LoadBalancer', '<pending>', '80:30080/TCP'],
    )
    assert.match(
      await kubectl('get deployment web -n demo -o yaml'),
      /^apiVersion: apps\/v1\nkind: Deployment\n/,
    )
    const json = JSON.parse(await kubectl('get deployment -n demo -o json')) as { items: unknown[] }
    assert.equal(json.items.length, 1)
    assert.equal(await kubectl('get all -n demo -o name'), 'service/web\ndeployment.apps/web')
    assert.equal(await kubectl('get deploy web -n demo -o jsonpath={.spec.replicas}'), '2')
    assert.equal(await kubectl('get svc -A --field-selector metadata.name=web -o name'), 'service/web')
    assert.equal(await kubectl('get deploy -A -l app=web -o name'), 'deployment.apps/web')
  })

  test('labels, annotates, patches in three ways, scales', async () => {
    assert.equal(await kubectl('label deployment web -n demo tier=front'), 'deployment.apps/web labeled')
    assert.equal(await kubectl('annotate deployment web -n demo a=b'), 'deployment.apps/web annotated')
    const strategic = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"x"}]}}}}'
    await kubectl(`patch deployment web -n demo -p ${strategic}`)
    await kubectl('patch deployment web -n demo --type=merge -p {"spec":{"replicas":4}}')
    await kubectl(
      'patch deployment web -n demo --type=json -p [{"op":"remove","path":"/metadata/annotations/a"}]',
    )
    await kubectl('scale deployment web -n demo --replicas=5')
    const containers = '{.spec.replicas},{.spec.template.spec.containers[*].name},{.metadata.annotations.a}'
    assert.equal(await kubectl(`get deploy web -n demo -o jsonpath=${containers}`), '5,side web,')
    const wrong = await refusal('patch deployment web -n demo --type=merge -p {"spec":{"replicas":"many"}}')
    assert.match(wrong, /^The request is invalid: patch: Invalid value: "\{\\"apiVersion\\":\\"apps\/v1\\",/)
    const why = 'cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'
    assert.ok(wrong.endsWith(`: json: ${why}`), wrong.slice(-200))
  })

  test('generates config maps, secrets, accounts and tokens', async () => {
    await kubectl('create configmap c -n demo --from-literal=a=b')
    await kubectl('create secret generic s -n demo --from-literal=a=b')
    await kubectl('create serviceaccount robot -n demo')
    assert.equal(await kubectl('get secret s -n demo -o jsonpath={.data.a}'), 'Yg==')
    assert.match(await kubectl('create token robot -n demo'), /^ey[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.equal(
      await refusal('create configmap c -n nowhere --from-literal=a=b'),
      'error: failed to create configmap: namespaces "nowhere" not found',
    )
  })

  test('says what is missing and what is unknown', async () => {
    assert.equal(await refusal('get pod nope -n demo'), 'Error from server (NotFound): pods "nope" not found')
    assert.equal(await refusal('get nonsense'), 'error: the server doesn\'t have a resource type "nonsense"')
    const unknown = WEB.replace('replicas: 2', 'replicass: 2')
    assert.match(
      await refusal('apply -f -', unknown),
      /strict decoding error: unknown field "spec\.replicass"/,
    )
    assert.match(await kubectl('auth can-i create pods'), /^yes$/)
    assert.match(await kubectl('version'), /Server Version: v1\.35\./)
  })

  test('explains kinds from the documents of OpenAPI v3', async () => {
    assert.match(await kubectl('explain deployment.spec.replicas'), /FIELD: replicas <integer>/)
  })

  test('shows what an apply would change', async () => {
    const { out } = await run(['diff', '-f', '-'], WEB.replace('replicas: 2', 'replicas: 7'))
    assert.match(out, /\+ {2}replicas: 7/)
  })

  test('creates from a kustomization', async () => {
    const directory = join(its.directory, 'kustomization')
    mkdirSync(directory)
    writeFileSync(
      join(directory, 'kustomization.yaml'),
      'namespace: demo\nnamePrefix: pre-\nresources: [cm.yaml]\n',
    )
    writeFileSync(
      join(directory, 'cm.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: k}\ndata: {a: "1"}\n',
    )
    assert.equal(await kubectl(`create -k ${directory}`), 'configmap/pre-k created')
  })

  test('waits for and watches changes', async () => {
    const waiting = kubectl('wait configmap/c -n demo --for=jsonpath={.data.a}=z --timeout=20s')
    await kubectl('patch configmap c -n demo --type=merge -p {"data":{"a":"z"}}')
    assert.equal(await waiting, 'configmap/c condition met')
    const watching = kubectl('wait configmap/c -n demo --for=delete --timeout=20s')
    await kubectl('delete configmap c -n demo')
    await watching
  })

  test('deletes', async () => {
    assert.equal(await kubectl('delete service web -n demo'), 'service "web" deleted from demo namespace')
    assert.equal(
      await kubectl('delete deployment web -n demo'),
      'deployment.apps "web" deleted from demo namespace',
    )
    assert.equal(
      await refusal('get deployment web -n demo'),
      'Error from server (NotFound): deployments.apps "web" not found',
    )
  })
})

const route = (spec: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: default}
spec: {parentRefs: [{name: gw}], rules: [${spec}]}
`

// The official definitions are not part of the project.
describe(
  'kubectl with the official Gateway API definitions',
  { skip: !existsSync(CRDS) && '../shared/crds is missing' },
  () => {
    test('applies them, on top of themselves too, and the kinds are there at once', async () => {
      const applied = await kubectl(`apply -f ${CRDS}`)
      assert.equal(applied.split('\n').filter((line) => line.endsWith(' created')).length, 6)
      assert.match(
        await kubectl(`apply --server-side -f ${CRDS}`),
        /httproutes\.gateway\.networking\.k8s\.io serverside-applied/,
      )
      assert.equal(
        await kubectl('get crd httproutes.gateway.networking.k8s.io -o jsonpath={.status.storedVersions}'),
        '["v1"]',
      )
      await kubectl('create -f -', route('{backendRefs: [{name: web, port: 80}]}'))
      const [head, row] = columns(await kubectl('get httproutes'))
      assert.deepEqual([head, row?.[0]], [['NAME', 'HOSTNAMES', 'AGE'], 'r'])
      assert.match(await kubectl('explain httproute.spec.rules.matches.path.type'), /ENUM:\n {4}Exact/)
    })

    test('is told which rule a route breaks', async () => {
      const filters = 'filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]'
      const broken = route(`{${filters}, backendRefs: [{name: web, port: 80}]}`)
      assert.match(
        await refusal('create -f -', broken),
        /^The HTTPRoute "r" is invalid: .*RequestRedirect filter must not be used together with backendRefs/s,
      )
    })
  },
)
