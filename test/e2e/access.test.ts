/** Who may do what, through the real kubectl, and with the mesh at work under its own ServiceAccount. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { waitFor } from '../support/wait.ts'

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
})
after(() => cluster?.stop())

async function refused(line: string, pattern: RegExp, input?: string): Promise<void> {
  const result = await cluster.tryKubectl(line, input === undefined ? {} : { input })
  assert.equal(result.status, 1, `kubectl ${line} was allowed: ${result.stdout}`)
  assert.match(result.stderr, pattern)
}

const ROBOT = 'system:serviceaccount:demo:robot'

test('a ServiceAccount may nothing until a role is bound to it', async () => {
  await kubectl('create namespace demo')
  await kubectl('create serviceaccount robot -n demo')
  await refused(
    `get pods -n demo --as ${ROBOT}`,
    /^Error from server \(Forbidden\): pods is forbidden: User "system:serviceaccount:demo:robot" cannot list resource "pods" in API group "" in the namespace "demo"$/m,
  )
  await kubectl('create role reader --verb=get,list,watch --resource=pods,pods/log -n demo')
  await kubectl('create rolebinding reader --role=reader --serviceaccount=demo:robot -n demo')
  await kubectl(`get pods -n demo --as ${ROBOT}`)
  await refused(
    `get pods -A --as ${ROBOT}`,
    /cannot list resource "pods" in API group "" at the cluster scope/,
  )
  await refused(
    `delete pod x -n demo --as ${ROBOT}`,
    /pods "x" is forbidden: .* cannot delete resource "pods"/,
  )
})

test('the token of the account has the rights of the account', async () => {
  const token = (await kubectl('create token robot -n demo')).trim()
  const server = `--server ${await serverOf()} --insecure-skip-tls-verify --kubeconfig /dev/null --token ${token}`
  await kubectl(`${server} get pods -n demo`)
  await refused(`${server} get secrets -n demo`, /secrets is forbidden/)
  assert.match(await kubectl(`${server} auth whoami`), /Username\s+system:serviceaccount:demo:robot/)
})

async function serverOf(): Promise<string> {
  return kubectl('config view --minify -o jsonpath={.clusters[0].cluster.server}')
}

test('auth can-i answers what a request would be answered', async () => {
  const canI = async (line: string) =>
    (await cluster.tryKubectl(`auth can-i ${line} --as ${ROBOT}`)).stdout.trim()
  assert.equal(await canI('list pods -n demo'), 'yes')
  assert.equal(await canI('get pods --subresource=log -n demo'), 'yes')
  assert.equal(await canI('create pods -n demo'), 'no')
  assert.equal(await canI('get /healthz'), 'yes')
  assert.equal(await canI('get /metrics'), 'no')
  const listed = rows(await kubectl(`auth can-i --list -n demo --as ${ROBOT}`))
  assert.ok(listed.some(([resource, , , verbs]) => resource === 'pods' && verbs === '[get list watch]'))
  assert.equal((await kubectl("auth can-i '*' '*' -A")).trim(), 'yes')
})

test('nobody grants what they do not have', async () => {
  await kubectl('create clusterrole role-maker --verb=* --resource=roles.rbac.authorization.k8s.io')
  // Every verb would include the one that lifts the restriction.
  await kubectl(
    `patch clusterrole role-maker --type=merge -p '{"rules":[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create","get"]}]}'`,
  )
  await kubectl('create rolebinding role-maker --clusterrole=role-maker --serviceaccount=demo:robot -n demo')
  await refused(
    `create role thief --verb=get --resource=secrets -n demo --as ${ROBOT}`,
    /roles\.rbac\.authorization\.k8s\.io "thief" is forbidden: user "system:serviceaccount:demo:robot" \(groups=\["system:serviceaccounts" "system:serviceaccounts:demo" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
  )
  await kubectl(`create role peer --verb=list --resource=pods -n demo --as ${ROBOT}`)
  await refused(
    `create rolebinding up --clusterrole=admin --user=x -n demo --as ${ROBOT}`,
    /attempting to grant RBAC permissions not currently held/,
  )
})

test('view reads, edit changes, admin grants', async () => {
  for (const role of ['view', 'edit', 'admin']) {
    await kubectl(`create rolebinding ${role} --clusterrole=${role} --user=${role} -n demo`)
  }
  const may = async (user: string, line: string) =>
    (await cluster.tryKubectl(`auth can-i ${line} -n demo --as ${user}`)).stdout.trim() === 'yes'
  const asks = ['get pods', 'get secrets', 'create deployments', 'create rolebindings', 'get nodes']
  const answers = async (user: string) => Promise.all(asks.map((line) => may(user, line)))
  assert.deepEqual(await answers('view'), [true, false, false, false, false])
  assert.deepEqual(await answers('edit'), [true, true, true, false, false])
  assert.deepEqual(await answers('admin'), [true, true, true, true, false])
})

test('the mesh works with the roles that it is installed with', async () => {
  const installed = await cluster.lateen('install --set profile=default -y', { timeoutMs: 120_000 })
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  await kubectl('label namespace demo istio-injection=enabled')
  await kubectl('apply -f -', { input: GATEWAY })
  await kubectl('wait gateway/web -n demo --for=condition=Programmed --timeout=60s')
  await waitFor('the route has a status', async () => {
    const accepted = '{.status.parents[0].conditions[?(@.type=="Accepted")].status}'
    return (await kubectl(`get httproute web -n demo -o jsonpath=${accepted}`)) === 'True'
  })
  await kubectl('delete gateway web -n demo')
  await waitFor('the deployment of the gateway is gone', async () => {
    return (await kubectl('get deployments -n demo -o name')).trim() === ''
  })
  const log = await kubectl('logs deployment/istiod -n istio-system')
  assert.doesNotMatch(log, /is forbidden/)
})

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: demo }
spec:
  gatewayClassName: istio
  listeners: [{ name: http, port: 80, protocol: HTTP }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: demo }
spec:
  parentRefs: [{ name: web }]
  rules: [{ backendRefs: [{ name: nothing, port: 80 }] }]
`
