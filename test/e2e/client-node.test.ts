/** The official JavaScript client, as operators and dashboards use it: what it sends is understood, what it waits for comes. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import * as k8s from '@kubernetes/client-node'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'
import { killApiServer } from '../support/api-server.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

const namespace = 'default'
let cluster: TestCluster
let config: k8s.KubeConfig
let core: k8s.CoreV1Api
let apps: k8s.AppsV1Api
before(async () => {
  cluster = await startCluster()
  config = new k8s.KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  core = config.makeApiClient(k8s.CoreV1Api)
  apps = config.makeApiClient(k8s.AppsV1Api)
  await cluster.kubectl('apply -f -', { input: PODS })
})
after(() => cluster.stop())

describe('objects', () => {
  const named = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data })

  test('an object is created, read, replaced and deleted; the errors are those of Kubernetes', async () => {
    const made = await core.createNamespacedConfigMap({ namespace, body: named('plain', { a: '1' }) })
    assert.ok(made.metadata?.creationTimestamp instanceof Date)
    await assert.rejects(core.createNamespacedConfigMap({ namespace, body: named('plain') }), isStatus(409))
    const changed = await core.replaceNamespacedConfigMap({
      name: 'plain',
      namespace,
      body: { metadata: made.metadata, data: { a: '2' } },
    })
    assert.deepEqual(changed.data, { a: '2' })
    const stale = core.replaceNamespacedConfigMap({ name: 'plain', namespace, body: made })
    await assert.rejects(stale, isStatus(409))
    const bad = core.createNamespacedConfigMap({ namespace, body: named('Not A Name') })
    await assert.rejects(bad, isStatus(422))
    const gone = await core.deleteNamespacedConfigMap({ name: 'plain', namespace })
    assert.equal(gone.status, 'Success')
    await assert.rejects(core.readNamespacedConfigMap({ name: 'plain', namespace }), isStatus(404))
  })

  test('each of the four kinds of patch does what it is named after', async () => {
    await apps.createNamespacedDeployment({ namespace, body: IDLE })
    const patch = (strategy: k8s.PatchStrategy, body: unknown, options = {}) =>
      apps.patchNamespacedDeployment(
        { name: 'idle', namespace, body, ...options },
        k8s.setHeaderOptions('Content-Type', strategy),
      )
    const containers = (names: readonly string[]) => ({
      spec: { template: { spec: { containers: names.map((name) => ({ name, image: 'busybox' })) } } },
    })
    const operations = [{ op: 'replace', path: '/spec/replicas', value: 0 }]
    assert.equal((await patch(k8s.PatchStrategy.JsonPatch, operations)).spec?.replicas, 0)
    const strategic = await patch(k8s.PatchStrategy.StrategicMergePatch, containers(['second']))
    assert.deepEqual(namesOf(strategic), ['second', 'main'])
    const merged = await patch(k8s.PatchStrategy.MergePatch, containers(['main']))
    assert.deepEqual(namesOf(merged), ['main'])
    const identity = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'idle' } }
    const applied = { ...identity, spec: { replicas: 1 } }
    const manager = { fieldManager: 'tests' }
    await assert.rejects(patch(k8s.PatchStrategy.ServerSideApply, applied, manager), isStatus(409))
    const forced = await patch(k8s.PatchStrategy.ServerSideApply, applied, { ...manager, force: true })
    assert.equal(forced.spec?.replicas, 1)
    const owner = forced.metadata?.managedFields?.find((entry) => entry.manager === 'tests')
    assert.deepEqual(owner?.fieldsV1, { 'f:spec': { 'f:replicas': {} } })
    await assert.rejects(patch(k8s.PatchStrategy.JsonPatch, [{ op: 'odd', path: '/' }]), isStatus(422))
    await apps.deleteNamespacedDeployment({ name: 'idle', namespace })
  })

  test('a long list comes in pieces, which together are the whole', async () => {
    const labels = { pieces: 'yes' }
    const create = (index: number) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name: `piece-${index}`, labels } } })
    await Promise.all(Array.from({ length: 25 }, (_, index) => create(index)))
    const seen: string[] = []
    let _continue: string | undefined
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector: 'pieces=yes',
        limit: 10,
        ...(_continue === undefined ? {} : { _continue }),
      })
      seen.push(...page.items.map((item) => item.metadata?.name ?? ''))
      _continue = page.metadata?._continue
    } while (_continue)
    assert.equal(seen.length, 25)
    assert.equal(new Set(seen).size, 25)
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'pieces=yes' })
    const odd = core.listNamespacedConfigMap({ namespace, labelSelector: 'a b' })
    await assert.rejects(odd, isStatus(400))
  })

  test('a client without types finds kinds by discovery, those of custom resources too', async () => {
    const objects = k8s.KubernetesObjectApi.makeApiClient(config)
    await objects.create(k8s.loadYaml<k8s.KubernetesObject>(BOAT_DEFINITION))
    await waitFor('the new kind', async () => {
      const definition = await config
        .makeApiClient(k8s.ApiextensionsV1Api)
        .readCustomResourceDefinition({ name: 'boats.example.org' })
      return definition.status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True')
    })
    const metadata = { name: 'felucca', namespace }
    const boat = { apiVersion: 'example.org/v1', kind: 'Boat', metadata }
    await objects.create({ ...boat, spec: { sails: 1 } } as k8s.KubernetesObject)
    const changed = { ...boat, spec: { sails: 2 } } as k8s.KubernetesObject
    await objects.patch(changed, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch)
    assert.deepEqual((await objects.read<Boat>(boat)).spec, { sails: 2 })
    const listed = await objects.list<Boat>('example.org/v1', 'Boat', namespace)
    assert.deepEqual(
      listed.items.map((item) => item.spec.sails),
      [2],
    )
    const custom = config.makeApiClient(k8s.CustomObjectsApi)
    const place = { group: 'example.org', version: 'v1', namespace, plural: 'boats' }
    const many = custom.createNamespacedCustomObject({
      ...place,
      body: { ...boat, metadata: { name: 'dhow' }, spec: { sails: 'many' } },
    })
    await assert.rejects(many, isStatus(422))
    await assert.rejects(objects.read({ ...boat, kind: 'Ship' }), /Unrecognized API version and kind/)
    await objects.delete(boat)
  })

  test('reviews and tokens: who may do what, and as whom', async () => {
    const authorization = config.makeApiClient(k8s.AuthorizationV1Api)
    const resourceAttributes = { verb: 'create', resource: 'pods', namespace }
    const body = { spec: { resourceAttributes } }
    assert.equal((await authorization.createSelfSubjectAccessReview({ body })).status?.allowed, true)
    const { status } = await core.createNamespacedServiceAccountToken({
      name: 'default',
      namespace,
      body: { spec: { audiences: [], expirationSeconds: 600 } },
    })
    const robot = new k8s.KubeConfig()
    const server = config.getCurrentCluster()
    assert.ok(server)
    robot.loadFromClusterAndUser(server, { name: 'robot', token: status?.token ?? '' })
    const denied = robot.makeApiClient(k8s.CoreV1Api).listNamespacedSecret({ namespace })
    await assert.rejects(denied, isStatus(403))
  })
})

describe('streams into a pod', () => {
  before(() => cluster.kubectl('wait pod/box pod/echo pod/web --for=condition=Ready --timeout=30s'))

  test('exec: outputs are apart, input ends, the exit status is told', async () => {
    const run = async (command: readonly string[], input: string | null = null) => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const ended = Promise.withResolvers<k8s.V1Status>()
      const exec = new k8s.Exec(config)
      const stdin = input === null ? null : Readable.from([input])
      await exec.exec(namespace, 'box', 'c', [...command], stdout, stderr, stdin, false, ended.resolve)
      const [out, errors] = [await text(stdout), await text(stderr)]
      return { out, errors, status: await ended.promise }
    }
    const failing = await run(['sh', '-c', 'echo out; echo err >&2; exit 5'])
    assert.deepEqual([failing.out, failing.errors], ['out\n', 'err\n'])
    assert.equal(failing.status.reason, 'NonZeroExitCode')
    assert.deepEqual(failing.status.details?.causes, [{ reason: 'ExitCode', message: '5' }])
    const counted = await run(['wc', '-c'], 'x'.repeat(100_000))
    assert.deepEqual([counted.out.trim(), counted.status.status], ['100000', 'Success'])
    const nobody = new k8s.Exec(config).exec(namespace, 'nobody', 'c', 'true', null, null, null, false)
    await assert.rejects(nobody)
  })

  test('attach: what is typed reaches the program, what it prints comes back', async () => {
    const [stdout, stdin] = [new PassThrough(), new PassThrough()]
    const socket = await new k8s.Attach(config).attach(namespace, 'echo', 'c', stdout, null, stdin, false)
    stdin.write('ahoy\n')
    let heard = ''
    stdout.setEncoding('utf8').on('data', (part: string) => (heard += part))
    await waitFor('an answer', () => /got ahoy/.test(heard), { deadlineMs: 10_000 })
    socket.close()
  })

  test('port-forward: connections to a local port end in the pod', async () => {
    const forward = new k8s.PortForward(config)
    const server = createServer((socket) => {
      forward.portForward(namespace, 'web', [8080], socket, null, socket).catch(() => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { stdout } = await runCommand('curl', ['-s', '--max-time', '10', `http://127.0.0.1:${port}/`])
    assert.equal(stdout.length, 100_000)
    await new Promise((resolve) => server.close(resolve))
  })

  test('logs: a part, with times, and as they are written', async () => {
    await waitFor('its first line', async () => (await cluster.kubectl('logs counts')) !== '')
    const followed = new PassThrough()
    await new k8s.Log(config).log(namespace, 'counts', 'c', followed, { follow: true })
    assert.equal(await text(followed), 'one\ntwo\nthree\n', 'it ends with the container')
    const part = await core.readNamespacedPodLog({ name: 'counts', namespace, tailLines: 2 })
    assert.equal(part, 'two\nthree\n')
    const timed = await core.readNamespacedPodLog({
      name: 'counts',
      namespace,
      timestamps: true,
      tailLines: 1,
    })
    assert.match(timed, /^\d{4}-\d\d-\d\dT\S+Z three\n$/)
    const wrong = core.readNamespacedPodLog({ name: 'box', namespace, container: 'nothing' })
    await assert.rejects(wrong, isStatus(400))
  })

  test('files are copied into a container and out of it, and its use of the machine is known', async () => {
    const [there, back] = ['there', 'back'].map((name) => join(cluster.stateDirectory, name))
    mkdirSync(there ?? '')
    writeFileSync(join(there ?? '', 'note'), 'of the crew\n')
    const copies = new k8s.Cp(config) // its promises do not wait for the end of the copy
    await copies.cpToPod(namespace, 'box', 'c', there ?? '', '/var/tmp')
    const inPod = () => cluster.kubectl('exec box -- cat /var/tmp/note').catch(() => undefined)
    await waitFor('the copy in the container', async () => (await inPod()) === 'of the crew\n')
    await copies.cpFromPod(namespace, 'box', 'c', 'note', back ?? '', '/var/tmp')
    const copy = join(back ?? '', 'note')
    await waitFor('the copy of the copy', () => readFileSync(copy, 'utf8') === 'of the crew\n')
    const metrics = await waitFor('figures', async () => {
      const found = await new k8s.Metrics(config).getPodMetrics(namespace)
      return found.items.some((item) => item.metadata.name === 'web') && found
    })
    assert.match(metrics.items[0]?.containers[0]?.usage.memory ?? '', /^\d+Ki$/)
  })
})

describe('informers', () => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const labelSelector = 'informed=yes'
  const write = (name: string, data: Record<string, string> = {}) =>
    untilAnswered(() =>
      core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name, labels: { informed: 'yes' } }, data },
      }),
    )

  test('an informer loses nothing and hears nothing twice while the API server is killed', async () => {
    await write('first')
    const seen = inform(path, labelSelector)
    await seen.start()
    assert.deepEqual([...seen.added], ['first'])
    for (let index = 0; index < 60; index++) {
      if (index % 25 === 10) killApiServer(cluster)
      await write(`event-${index}`)
      if (index % 3 === 0) await untilAnswered(() => touch(`event-${index}`, String(index)))
      if (index % 7 === 0) {
        await untilAnswered(() => core.deleteNamespacedConfigMap({ name: `event-${index}`, namespace }))
      }
    }
    const { items } = await core.listNamespacedConfigMap({ namespace, labelSelector })
    const names = items.map((item) => item.metadata?.name ?? '').sort()
    await waitFor('the informer to have them all', () => {
      const known = seen.names()
      return known.length === names.length && known.every((name, index) => name === names[index])
    })
    assert.equal(seen.added.length, 61, 'each object is new once')
    assert.equal(seen.deleted.length, 9, 'each is deleted once')
    seen.assertInOrder()
    await seen.stop()
  })

  test('an informer whose place in the history is gone starts anew from a list', async () => {
    const seen = inform(path, labelSelector)
    await seen.start()
    const before = seen.names().length
    await cluster.lateen('down')
    const store = createSqliteStore({ path: join(cluster.stateDirectory, 'store.db') })
    const start = store.revision()
    store.compact(start - 1)
    store.close()
    assert.equal((await cluster.lateen('up')).status, 0)
    const old = await events(`${path}?watch=1&resourceVersion=1`)
    assert.match(old, /"type":"ERROR".*"reason":"Expired".*"code":410/)
    await write('afterwards')
    await waitFor('the new object', () => seen.names().includes('afterwards'))
    assert.equal(seen.names().length, before + 1)
    await seen.stop()
  })

  test('a watch tells the present state, its end, and bookmarks where it is asked to', async () => {
    const watch = new k8s.Watch(config)
    const heard: string[] = []
    const ended = Promise.withResolvers<unknown>()
    const query = {
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
      labelSelector,
      timeoutSeconds: 1,
    }
    const onEvent = (phase: string, object: k8s.KubernetesObject) => {
      const ends = object.metadata?.annotations?.['k8s.io/initial-events-end']
      heard.push(ends === undefined ? phase : `${phase} ends=${ends}`)
    }
    await watch.watch(path, query, onEvent, ended.resolve)
    assert.equal(await ended.promise, null)
    assert.equal(heard.pop(), 'BOOKMARK ends=true')
    assert.ok(heard.length > 0 && heard.every((phase) => phase === 'ADDED'))
  })

  const touch = (name: string, value: string) =>
    core.patchNamespacedConfigMap(
      { name, namespace, body: { data: { value } } },
      k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch),
    )

  const events = async (raw: string) => (await cluster.kubectl(`get --raw ${raw}`)).trim()
})

/** An informer that goes on after errors, as its documentation advises, and a record of what it has told. */
function inform(path: string, labelSelector: string) {
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector })
  const informer = k8s.makeInformer(config, path, list, labelSelector)
  const [added, deleted]: [string[], string[]] = [[], []]
  const versions = new Map<string, number[]>()
  let isStopped = false
  const note = (object: k8s.V1ConfigMap) => {
    const { uid = '', resourceVersion } = object.metadata ?? {}
    versions.set(uid, [...(versions.get(uid) ?? []), Number(resourceVersion)])
  }
  informer.on('add', (object) => added.push(object.metadata?.name ?? ''))
  informer.on('delete', (object) => deleted.push(object.metadata?.name ?? ''))
  informer.on('change', note)
  informer.on('error', () => {
    setTimeout(() => {
      if (!isStopped) void informer.start()
    }, 50)
  })
  return {
    added,
    deleted,
    names: () =>
      informer
        .list()
        .map((object) => object.metadata?.name ?? '')
        .sort(),
    start: () => informer.start(),
    stop() {
      isStopped = true
      return informer.stop()
    },
    assertInOrder() {
      for (const found of versions.values()) {
        assert.deepEqual(
          found,
          [...new Set(found)].sort((a, b) => a - b),
        )
      }
    },
  }
}

/**
 * Repeats a request until the API server answers it: one that is killed may have done what it had no time to confirm,
 * then the repetition is told that the object is there, or gone, already.
 */
async function untilAnswered(action: () => Promise<unknown>): Promise<void> {
  await waitFor('an answer', async () => {
    try {
      await action()
      return true
    } catch (error) {
      return error instanceof k8s.ApiException && (error.code === 409 || error.code === 404)
    }
  })
}

function isStatus(code: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof k8s.ApiException, String(error))
    assert.equal(error.code, code, error.message)
    assert.equal((JSON.parse(error.body) as k8s.V1Status).kind, 'Status')
    return true
  }
}

function namesOf(deployment: k8s.V1Deployment): readonly string[] {
  return deployment.spec?.template.spec?.containers.map((container) => container.name) ?? []
}

interface Boat extends k8s.KubernetesObject {
  readonly spec: { readonly sails: number }
}

const IDLE: k8s.V1Deployment = {
  metadata: { name: 'idle' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'idle' } },
    template: {
      metadata: { labels: { app: 'idle' } },
      spec: { containers: [{ name: 'main', image: 'alpine', command: ['sleep', '3600'] }] },
    },
  },
}

const BOAT_DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: boats.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { plural: boats, kind: Boat }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: { spec: { type: object, properties: { sails: { type: integer } } } }
`

const PODS = `
apiVersion: v1
kind: Pod
metadata: { name: box }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: c, image: alpine, command: [sleep, "3600"] }]
---
apiVersion: v1
kind: Pod
metadata: { name: counts }
spec:
  restartPolicy: Never
  containers:
    - { name: c, image: alpine, command: [sh, -c, 'for word in one two three; do echo $word; sleep 1; done'] }
---
apiVersion: v1
kind: Pod
metadata: { name: echo }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: c, image: alpine, stdin: true, command: [sh, -c, 'while read line; do echo "got $line"; done'] }
---
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: c
      image: python:3
      command: [python3, -c]
      args:
        - |
          import http.server
          class Handler(http.server.BaseHTTPRequestHandler):
              def do_GET(self):
                  self.send_response(200); self.send_header("content-length", "100000"); self.end_headers()
                  self.wfile.write(b"x" * 100000)
              def log_message(self, *args): pass
          http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
      readinessProbe: { exec: { command: [curl, -sf, -o, /dev/null, "http://127.0.0.1:8080/"] }, periodSeconds: 1 }
`
