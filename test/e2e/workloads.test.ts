/** StatefulSets, DaemonSets, Jobs, CronJobs and budgets at work with real pods, seen through the real kubectl. */
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
after(() => cluster.stop())

test('a StatefulSet’s pods come in order and know each other by name', async () => {
  await kubectl('apply -f -', { input: STATEFUL })
  assert.match(await kubectl('rollout status statefulset/db --timeout=30s'), /roll out complete: 2 new pods/)
  assert.match(await kubectl('get statefulset db --no-headers'), /^db\s+2\/2\s/)
  const pods = rows(await kubectl('get pods -l app=db')).map((row) => row[0])
  assert.deepEqual(pods, ['db-0', 'db-1'])
  await waitFor('each to be found by its name', async () => {
    const address = await kubectl('get pod db-1 -o jsonpath={.status.podIP}')
    return (await kubectl('logs db-0 --tail=1')).trim() === `db-0 sees ${address}`
  })
  assert.match(await kubectl('get events -o wide'), /create Pod db-0 in StatefulSet db successful/)
})

test('a StatefulSet is rolled, undone and restarted, and kubectl tells of its revisions', async () => {
  const first = await kubectl('get pod db-1 -o jsonpath={.metadata.labels.controller-revision-hash}')
  await kubectl('set env statefulset/db TEXT=second')
  await kubectl('rollout status statefulset/db --timeout=30s')
  assert.match(await kubectl('rollout history statefulset/db'), /^1\s+<none>\n2\s+<none>$/m)
  assert.match(await kubectl('rollout history statefulset/db --revision=2'), /TEXT:\s+second/)
  assert.match(await kubectl('rollout undo statefulset/db'), /rolled back/)
  await kubectl('rollout status statefulset/db --timeout=30s')
  assert.equal(await kubectl('get pod db-1 -o jsonpath={.metadata.labels.controller-revision-hash}'), first)
  assert.match(await kubectl('rollout history statefulset/db'), /^2\s+<none>\n3\s+<none>$/m)
  const before = await kubectl('get pod db-0 -o jsonpath={.metadata.uid}')
  await kubectl('rollout restart statefulset/db')
  await kubectl('rollout status statefulset/db --timeout=30s')
  assert.notEqual(await kubectl('get pod db-0 -o jsonpath={.metadata.uid}'), before)
  await kubectl('scale statefulset/db --replicas=1')
  await kubectl('wait pod/db-1 --for=delete --timeout=30s')
  await kubectl('delete statefulset db')
})

test('a DaemonSet has one pod on the node, is rolled and undone', async () => {
  await kubectl('apply -f -', { input: DAEMON })
  assert.match(await kubectl('rollout status daemonset/agent --timeout=30s'), /successfully rolled out/)
  assert.match(await kubectl('get daemonset agent --no-headers'), /^agent\s+1\s+1\s+1\s+1\s+1\s+<none>/)
  await kubectl('set env daemonset/agent TEXT=second')
  await kubectl('rollout status daemonset/agent --timeout=30s')
  assert.match(await kubectl('rollout history daemonset/agent'), /^1\s+<none>\n2\s+<none>$/m)
  await kubectl('rollout undo daemonset/agent --to-revision=1')
  await kubectl('rollout status daemonset/agent --timeout=30s')
  const names = '{.items[0].spec.containers[0].env}'
  assert.equal(await kubectl(`get pods -l app=agent -o jsonpath=${names}`), '')
  await kubectl('rollout restart daemonset/agent')
  await kubectl('rollout status daemonset/agent --timeout=30s')
})

test('a Job with indexes does each piece once, and its native sidecar does not keep it alive', async () => {
  await kubectl('apply -f -', { input: JOB })
  await kubectl('wait job/pieces --for=condition=complete --timeout=30s')
  assert.match(await kubectl('get job pieces --no-headers'), /^pieces\s+Complete\s+3\/3\s/)
  assert.equal(await kubectl('get job pieces -o jsonpath={.status.completedIndexes}'), '0-2')
  const label = 'batch.kubernetes.io/job-name=pieces'
  const logs = (await kubectl(`logs -l ${label} -c main`)).trim().split('\n')
  assert.deepEqual(logs.sort(), ['piece 0 on pieces-0', 'piece 1 on pieces-1', 'piece 2 on pieces-2'])
  assert.match(await kubectl('describe job pieces'), /Normal\s+Completed\s+.*\sJob completed/)
  await kubectl('delete job pieces')
  assert.equal(await kubectl(`get pods -l ${label} -o name`), '')
})

test('a Job that fails says why, as its podFailurePolicy says', async () => {
  await kubectl('apply -f -', { input: FAILING_JOB })
  await kubectl('wait job/fails --for=condition=failed --timeout=30s')
  assert.equal(
    await kubectl(`get job fails -o 'jsonpath={.status.conditions[?(@.type=="Failed")].reason}'`),
    'PodFailurePolicy',
  )
  assert.match(
    await kubectl('describe job fails'),
    /failed with exit code 42 matching FailJob rule at index 0/,
  )
})

test('a CronJob is written by kubectl create and starts a Job by hand', async () => {
  await kubectl('create cronjob nightly --image=alpine --schedule=@daily -- echo done')
  assert.match(
    await kubectl('get cronjob nightly --no-headers'),
    /^nightly\s+@daily\s+<none>\s+False\s+0\s+<none>/,
  )
  await kubectl('create job now --from=cronjob/nightly')
  await kubectl('wait job/now --for=condition=complete --timeout=30s')
  assert.equal((await kubectl('logs job/now')).trim(), 'done')
  await kubectl('delete cronjob nightly --cascade=foreground --timeout=30s')
  assert.equal((await cluster.tryKubectl('get job now')).status, 1)
})

test('what a pod writes to its claim outlives the pod and its set, and goes with the claim', async () => {
  assert.match(
    await kubectl('get storageclass --no-headers'),
    /^standard \(default\)\s+lateen\.dev\/directory\s/,
  )
  await kubectl('apply -f -', { input: KEEPING })
  await kubectl('rollout status statefulset/keeps --timeout=30s')
  assert.match(
    await kubectl('get pvc data-keeps-0 --no-headers'),
    /^data-keeps-0\s+Bound\s+pvc-\S+\s+1Gi\s+RWO\s+standard/,
  )
  await kubectl(`exec keeps-0 -- sh -c 'echo first > /data/note'`)
  const uid = await kubectl('get pod keeps-0 -o jsonpath={.metadata.uid}')
  await kubectl('delete pod keeps-0')
  await kubectl('rollout status statefulset/keeps --timeout=30s')
  assert.notEqual(await kubectl('get pod keeps-0 -o jsonpath={.metadata.uid}'), uid)
  assert.equal((await kubectl('exec keeps-0 -- cat /data/note')).trim(), 'first')
  await kubectl('delete statefulset keeps')
  await kubectl('wait pod/keeps-0 --for=delete --timeout=30s')
  await kubectl('apply -f -', { input: KEEPING })
  await kubectl('rollout status statefulset/keeps --timeout=30s')
  assert.equal((await kubectl('exec keeps-0 -- cat /data/note')).trim(), 'first')
  const volume = await kubectl('get pvc data-keeps-0 -o jsonpath={.spec.volumeName}')
  await kubectl('delete pvc data-keeps-0 --wait=false')
  assert.match(await kubectl('get pvc data-keeps-0 --no-headers'), /Terminating/)
  await kubectl('delete statefulset keeps')
  await kubectl(`wait persistentvolume/${volume} --for=delete --timeout=30s`)
  assert.equal((await cluster.tryKubectl('get pvc data-keeps-0')).status, 1)
})

test('a rollout that stands still is told as such, and can be undone', async () => {
  await kubectl('apply -f -', { input: GUARDED })
  await kubectl('rollout status deployment/guarded --timeout=30s')
  await kubectl(`patch deployment guarded -p '{"spec":{"progressDeadlineSeconds":3}}'`)
  await kubectl('set image deployment/guarded main=no.such/image:1')
  const status = await cluster.tryKubectl('rollout status deployment/guarded --timeout=30s')
  assert.equal(status.status, 1)
  assert.match(status.stderr, /^error: deployment "guarded" exceeded its progress deadline$/m)
  assert.match(await kubectl('describe deployment guarded'), /Progressing\s+False\s+ProgressDeadlineExceeded/)
  await kubectl('rollout undo deployment/guarded')
  // Until the first pod of the broken version is gone the Deployment is still what it was.
  await waitFor('the old version', async () => {
    const { status: code } = await cluster.tryKubectl('rollout status deployment/guarded --timeout=30s')
    return code === 0
  })
  await kubectl('delete deployment guarded')
})

test('describe tells the life of a Deployment and its pods', async () => {
  await kubectl('apply -f -', { input: GUARDED })
  await kubectl('rollout status deployment/guarded --timeout=30s')
  assert.match(
    await kubectl('describe deployment guarded'),
    /Normal\s+ScalingReplicaSet\s+\S+\s+deployment-controller\s+Scaled up replica set guarded-\w+ from 0 to 1/,
  )
  assert.match(
    await kubectl('describe replicaset -l app=guarded'),
    /Normal\s+SuccessfulCreate\s+\S+\s+replicaset-controller\s+Created pod: guarded-/,
  )
  const pod = await kubectl('describe pod -l app=guarded')
  for (const reason of ['Scheduled', 'Pulled', 'Created', 'Started']) {
    assert.match(pod, new RegExp(`Normal\\s+${reason}\\s`))
  }
  await kubectl('scale deployment guarded --replicas=0')
  await waitFor('the events of the end', async () => {
    const events = await kubectl('get events')
    return /SuccessfulDelete\s+replicaset/.test(events) && /Killing\s+pod/.test(events)
  })
  await kubectl('delete deployment guarded')
})

test('a quota holds pods back, says so, and lets them come when there is room', async () => {
  await kubectl('create namespace small')
  await kubectl('create quota few -n small --hard=pods=1,count/configmaps=9')
  await waitFor('the quota to be counted', async () =>
    /pods: 0\/1/.test(await kubectl('get quota few -n small --no-headers')),
  )
  await kubectl('apply -n small -f -', { input: GUARDED.replace('spec:\n', 'spec:\n  replicas: 2\n') })
  await waitFor('the refusal', async () =>
    (await kubectl('get events -n small')).includes(
      'exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
    ),
  )
  assert.match(await kubectl('describe quota few -n small'), /^pods\s+1\s+1$/m)
  await kubectl(`patch quota few -n small --type=merge -p '{"spec":{"hard":{"pods":"2"}}}'`)
  await kubectl('rollout status deployment/guarded -n small --timeout=60s')
  await kubectl('delete namespace small')
})

test('draining the node waits for what a budget guards, and leaves daemons alone', async () => {
  await kubectl('apply -f -', { input: GUARDED })
  await kubectl('rollout status deployment/guarded --timeout=30s')
  await kubectl('create poddisruptionbudget guarded --selector=app=guarded --min-available=1')
  await waitFor('the budget', async () => {
    const row = rows(await kubectl('get pdb guarded'))[0]
    return row?.slice(0, 4).join(' ') === 'guarded 1 N/A 0'
  })
  await kubectl('get endpoints')
  const drain = 'drain lateen --ignore-daemonsets --delete-emptydir-data --force'
  const refused = await cluster.tryKubectl(`${drain} --timeout=3s`)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /Cannot evict pod as it would violate the pod's disruption budget/)
  assert.match(await kubectl('get node lateen --no-headers'), /SchedulingDisabled/)
  const before = await kubectl('get pods -l app=guarded -o jsonpath={.items[0].metadata.name}')
  await kubectl('delete pdb guarded')
  assert.match(await kubectl(`${drain} --timeout=30s`), /node\/lateen drained/)
  assert.equal((await cluster.tryKubectl(`get pod ${before}`)).status, 1)
  assert.match(await kubectl('get pods -l app=agent --no-headers'), /Running/)
  await kubectl('uncordon lateen')
  await kubectl('rollout status deployment/guarded --timeout=30s')
})

/** A shell that heeds SIGTERM: a bare `sleep` as the first process of its container would not. */
const UNTIL_TERMINATED = `trap "exit 0" TERM; sleep 3600 & wait`

const STATEFUL = `
apiVersion: v1
kind: Service
metadata: { name: dbs }
spec: { clusterIP: None, selector: { app: db }, ports: [{ port: 80 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: dbs
  replicas: 2
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: alpine
          volumeMounts: [{ name: data, mountPath: /data }]
          command: [sh, -c]
          args:
            - |
              trap "exit 0" TERM
              while true; do echo "$HOSTNAME sees $(getent hosts db-1.dbs | cut -d" " -f1)"; sleep 0.3 & wait $!; done
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
`

const KEEPING = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: keeps }
spec:
  serviceName: keeps
  selector: { matchLabels: { app: keeps } }
  template:
    metadata: { labels: { app: keeps } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: alpine
          command: [sh, -c, '${UNTIL_TERMINATED}']
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
`

const DAEMON = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: main, image: alpine, command: [sh, -c, '${UNTIL_TERMINATED}'] }]
`

const JOB = `
apiVersion: batch/v1
kind: Job
metadata: { name: pieces }
spec:
  completions: 3
  parallelism: 2
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      initContainers:
        - { name: helper, image: alpine, restartPolicy: Always, command: [sh, -c, '${UNTIL_TERMINATED}'] }
      containers:
        - { name: main, image: alpine, command: [sh, -c, 'echo "piece $JOB_COMPLETION_INDEX on $(hostname)"'] }
`

const FAILING_JOB = `
apiVersion: batch/v1
kind: Job
metadata: { name: fails }
spec:
  podFailurePolicy:
    rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }]
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: alpine, command: [sh, -c, 'exit 42'] }]
`

const GUARDED = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: guarded }
spec:
  selector: { matchLabels: { app: guarded } }
  template:
    metadata: { labels: { app: guarded } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: main, image: alpine, command: [sh, -c, '${UNTIL_TERMINATED}'] }]
`
