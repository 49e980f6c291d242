/** Connections to pods through the real kubectl: exec, attach, cp, port-forward, over WebSockets and over SPDY; proxies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { KUBECTL, OLD_KUBECTL, rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

/** kubectl and client-go try WebSockets first and take SPDY where they are told to, or are too old for the former. */
const CARRIERS = [
  { name: 'WebSockets', env: {}, program: KUBECTL },
  {
    name: 'SPDY',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
    program: KUBECTL,
  },
  { name: 'WebSockets of the machine’s older kubectl', env: {}, program: '/usr/bin/kubectl' },
  { name: 'SPDY of kubectl 1.20', env: {}, program: OLD_KUBECTL },
].filter(({ program }) => existsSync(program))

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
  await kubectl('apply -f -', { input: PODS })
  await kubectl('wait pod/box pod/web pod/echo --for=condition=Ready --timeout=30s')
})
after(() => cluster.stop())

for (const { name, env, program } of CARRIERS) {
  const run = (args: readonly string[], options: { readonly input?: string } = {}) =>
    runCommand(program, args, { ...options, env: { KUBECONFIG: cluster.kubeconfig, ...env } })

  describe(`over ${name}`, () => {
    test('a command’s outputs are apart, its exit code is kubectl’s, and it begins in the container’s directory', async () => {
      const script = 'echo out; echo err >&2; pwd; exit 3'
      const result = await run(['exec', 'box', '--', 'sh', '-c', script])
      assert.equal(result.status, 3)
      assert.equal(result.stdout, 'out\n/var/tmp\n')
      assert.match(result.stderr, /^err\ncommand terminated with exit code 3/)
      assert.equal((await run(['exec', 'box', '--', 'printenv', 'with.dot'])).stdout, 'kept\n')
    })

    test('a command reads its input to the end', async () => {
      const input = 'line\n'.repeat(200_000)
      const result = await run(['exec', '-i', 'box', '--', 'wc', '-l'], { input })
      assert.deepEqual([result.status, result.stdout.trim()], [0, '200000'])
    })

    test('a command on a terminal has its size, and learns of another', async () => {
      const inside = `tty; stty size; until [ "$(stty size)" = "44 111" ]; do sleep 0.05; done; echo resized; exit 4`
      const outside = `stty rows 30 cols 90; (sleep 1; stty rows 44 cols 111 <&3) & "${program}" exec -it box -- sh -c '${inside}'`
      const result = await runCommand('script', ['-qec', `exec 3<&0; ${outside}`, '/dev/null'], {
        env: { KUBECONFIG: cluster.kubeconfig, ...env },
        timeoutMs: 20_000,
      })
      assert.equal(result.status, 4, result.stdout)
      // `script` has no input itself, and says so to the terminal by a NUL at some moment.
      assert.match(result.stdout.replaceAll('^@', ''), /\/dev\/pts\/\d+\r\n30 90\r\nresized/)
    })

    test('files are copied both ways', async () => {
      const [source, back] = ['source', 'back'].map((file) => join(cluster.stateDirectory, file))
      writeFileSync(source ?? '', randomBytes(5_000_000))
      assert.equal((await run(['cp', source ?? '', 'box:/var/tmp/copy'])).status, 0)
      assert.equal((await run(['cp', 'box:/var/tmp/copy', back ?? ''])).status, 0)
      assert.equal(digest(back ?? ''), digest(source ?? ''))
    })

    test('several ports of a pod are forwarded, with connections at the same time', async () => {
      const forward = await portForward(program, env, ['pod/web', ':8080', ':9090'])
      const [first = 0, second = 0] = forward.ports
      const get = (port: number) =>
        runCommand('curl', ['-s', '--max-time', '10', `http://127.0.0.1:${port}/`]).then(
          ({ stdout }) => stdout.length,
        )
      const sizes = await Promise.all([...Array.from({ length: 8 }, () => get(second)), get(first)])
      assert.deepEqual(sizes, [...Array.from({ length: 8 }, () => 2_000_000), 5])
      await forward.stop()
    })

    test('a port where nobody listens is an error that says so', async () => {
      const forward = await portForward(program, env, ['pod/web', ':7777'])
      const { status } = await runCommand('curl', ['-s', `http://127.0.0.1:${forward.ports[0] ?? 0}/`])
      assert.notEqual(status, 0)
      await waitFor('the error', () => /connection refused/.test(forward.output()))
      await forward.stop()
    })
  })
}

test('what cannot be run is refused in Kubernetes’ words', async () => {
  const refusal = async (line: string) => (await cluster.tryKubectl(line)).stderr
  assert.match(await refusal('exec nobody -- true'), /pods "nobody" not found/)
  assert.match(await refusal('exec box -c nothing -- true'), /container nothing is not valid for pod box/)
  assert.match(
    await refusal('exec pending -- true'),
    /does not have a host assigned|container not found \("c"\)/,
  )
  const missing = await cluster.tryKubectl('exec box -- no-such-program')
  assert.deepEqual([missing.status, /no-such-program/.test(missing.stderr)], [127, true])
  const raw = await cluster.tryKubectl(
    'get --raw /api/v1/namespaces/default/pods/box/exec?command=true&stdout=1',
  )
  assert.match(raw.stderr, /Upgrade request required/)
})

test('a program gets its input by attach, sees the end of it, and its exit code is that of kubectl run', async () => {
  const line = `run talk -i --rm --restart=Never --image=busybox --`
  const script = `while read line; do echo "got $line"; done; exit 6`
  const { status, stdout } = await runCommand(KUBECTL, [...line.split(' '), 'sh', '-c', script], {
    input: 'one\ntwo\n',
    env: { KUBECONFIG: cluster.kubeconfig },
    timeoutMs: 30_000,
  })
  assert.match(stdout, /got one\ngot two\n/)
  assert.equal(status, 6)
})

describe('a proxy', () => {
  const core = '/api/v1/namespaces/default'

  test('leads to pods, services and the node', async () => {
    const get = (path: string) => kubectl(`get --raw ${path}`)
    assert.equal(
      await get(`${core}/pods/echo/proxy/a/b/?c=d`),
      `GET /a/b/?c=d  - ${core}/pods/echo/proxy/a/b/`,
    )
    await waitFor(
      'the service',
      async () => (await cluster.tryKubectl(`get --raw ${core}/services/echo/proxy/`)).status === 0,
    )
    for (const name of ['echo', 'echo:80', 'http:echo:80'])
      assert.equal(
        await get(`${core}/services/${name}/proxy/x`),
        `GET /x  - ${core}/services/${name}/proxy/x`,
      )
    assert.equal(await get('/api/v1/nodes/lateen/proxy/healthz'), 'ok')
    const { pods } = JSON.parse(await get('/api/v1/nodes/lateen/proxy/stats/summary'))
    assert.ok(pods.some((pod: { podRef: { name: string } }) => pod.podRef.name === 'echo'))
  })

  test('hands on bodies, keeps credentials back, leads redirections through itself, and changes protocols', async () => {
    const proxy = await background(
      { program: KUBECTL, args: ['proxy', '--port=0'], env: {} },
      /Starting to serve on 127\.0\.0\.1:(\d+)/g,
      1,
    )
    const port = proxy.ports[0] ?? 0
    const base = `http://127.0.0.1:${port}${core}/services/echo/proxy`
    const curl = async (...args: string[]) => (await runCommand('curl', ['-s', ...args])).stdout
    assert.equal(
      await curl('-d', 'body', '-H', 'authorization: Basic YTpi', `${base}/p`),
      `POST /p body - ${core}/services/echo/proxy/p`,
    )
    const large = 'x'.repeat(5_000_000)
    const { stdout } = await runCommand('curl', ['-s', '--data-binary', '@-', `${base}/long`], {
      input: large,
    })
    assert.equal(stdout.length, `POST /long  - ${core}/services/echo/proxy/long`.length + large.length)
    assert.equal(await curl('-o', '/dev/null', '-w', '%{redirect_url}', `${base}/moved`), `${base}/there?x=1`)
    assert.equal(await curl('-o', '/dev/null', '-w', '%{redirect_url}', base), `${base}/`)
    const refused = JSON.parse(await curl(`http://127.0.0.1:${port}${core}/pods/echo:1/proxy/`))
    assert.match(
      refused.message,
      /^error trying to reach service: dial tcp [\d.]+:1: connect: connection refused$/,
    )
    assert.equal(refused.code, 503)
    const echoed = await new Promise<string>((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'echo' }
      const asked = request(`${base}/`, { headers })
      asked.on('error', reject).end()
      asked.on('upgrade', (_answer, socket) => {
        socket.write('echo this')
        socket.once('data', (data: Buffer) => {
          socket.destroy()
          resolve(data.toString())
        })
      })
    })
    assert.equal(echoed, 'echo this')
    await proxy.stop()
  })
})

test('top has figures of pods, containers and the node', async () => {
  const pods = await waitFor('figures', async () => rows(await kubectl('top pods --containers --no-headers')))
  assert.deepEqual(pods.map((row) => row.slice(0, 2).join('/')).sort(), ['box/c', 'echo/c', 'web/a', 'web/b'])
  const memory = Number(/^(\d+)Mi$/.exec(pods.find((row) => row[0] === 'web')?.[3] ?? '')?.[1])
  assert.ok(memory > 1 && memory < 200, `${memory}`)
  assert.match(await kubectl('top nodes --no-headers'), /^lateen\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/)
})

test('a pod runs with the user and the groups that it asks for', async () => {
  await kubectl('apply -f -', { input: USER })
  await kubectl('wait pod/user --for=jsonpath={.status.phase}=Succeeded --timeout=30s')
  assert.match(await kubectl('logs user'), /^uid=1337 gid=1338 groups=1338,2000\n1337 2000\n$/)
})

test('commands run in the pod of a proxy that has no processes of its own', async () => {
  const installed = await cluster.lateen('install')
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  const gateway = await kubectl('get pods -n istio-system -l istio=ingressgateway -o name')
  const name = gateway.trim().replace('pod/', '')
  const words = `exec -n istio-system ${name} -- sh -c`.split(' ')
  const script = 'hostname; curl -s -o /dev/null -w "%{http_code}" localhost:15021/healthz/ready'
  const { stdout } = await runCommand(KUBECTL, [...words, script], {
    env: { KUBECONFIG: cluster.kubeconfig },
  })
  assert.equal(stdout, `${name}\n200`)
  const [row] = rows(await kubectl(`top pod ${name} -n istio-system --no-headers`))
  assert.match(row?.[2] ?? '', /^[1-9]\d*Mi$/)
})

/** A running `kubectl port-forward`, with the local ports that it has chosen. */
function portForward(program: string, env: Readonly<Record<string, string>>, args: readonly string[]) {
  const words = ['port-forward', '--address=127.0.0.1', ...args]
  const said = /Forwarding from 127\.0\.0\.1:(\d+) ->/g
  return background({ program, args: words, env }, said, args.length - 1)
}

interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A command that keeps running, with the ports that it says it has. */
async function background({ program, args, env }: Command, said: RegExp, count: number) {
  const child = spawn(program, args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const ports = await waitFor('its ports', () => {
    const found = [...output.matchAll(said)].map((match) => Number(match[1]))
    return found.length === count ? found : undefined
  })
  return {
    ports,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      await closed
    },
  }
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

const SERVER = `
import http.server, sys
size = int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"x" * size)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`

const ECHO = `
const http = require('http')
const server = http.createServer((request, response) => {
  if (request.url === '/moved') return response.writeHead(302, { location: '/there?x=1' }).end()
  const { method, url, headers } = request
  let body = ''
  request.on('data', (data) => (body += data))
  request.on('end', () => response.end([method, url, body, headers.authorization ?? '-', headers['x-forwarded-uri']].join(' ')))
})
server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n')
  socket.pipe(socket)
})
server.listen(8080)
`

const PODS = `
apiVersion: v1
kind: ConfigMap
metadata: { name: server }
data:
  server.py: ${JSON.stringify(SERVER)}
  echo.js: ${JSON.stringify(ECHO)}
---
apiVersion: v1
kind: Pod
metadata: { name: echo, labels: { app: echo } }
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{ name: server, configMap: { name: server } }]
  containers:
    - { name: c, image: node, command: [node, /server/echo.js], ports: [{ containerPort: 8080 }], volumeMounts: [{ name: server, mountPath: /server }], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec:
  selector: { app: echo }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: box }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: c, image: alpine, command: [sleep, "3600"], workingDir: /var/tmp, env: [{ name: with.dot, value: kept }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{ name: server, configMap: { name: server } }]
  containers:
    - { name: a, image: "python:3", command: [python, /server/server.py, "8080", "5"], volumeMounts: [{ name: server, mountPath: /server }] }
    - { name: b, image: "python:3", command: [python, /server/server.py, "9090", "2000000"], volumeMounts: [{ name: server, mountPath: /server }] }
---
apiVersion: v1
kind: Pod
metadata: { name: pending }
spec:
  nodeSelector: { nowhere: "yes" }
  containers: [{ name: c, image: alpine }]
`

const USER = `
apiVersion: v1
kind: Pod
metadata: { name: user }
spec:
  restartPolicy: Never
  securityContext: { runAsUser: 1337, runAsGroup: 1338, fsGroup: 2000 }
  volumes: [{ name: data, emptyDir: {} }]
  containers:
    - name: c
      image: alpine
      command: [sh, -c, 'id; touch /data/file; stat -c "%u %g" /data/file']
      volumeMounts: [{ name: data, mountPath: /data }]
`
