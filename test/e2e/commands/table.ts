/**
 * The commands of kubectl that need controllers or a node, one group of lines for each, each with what it refuses.
 * Those that an API server answers alone are compared with a real one by `npm run test:kubernetes`.
 * The lines of a group build on each other; `{node}` is the node's name.
 */
export interface Line {
  readonly line: string
  readonly status: number
  /** of what it prints, errors included */
  readonly says: RegExp
  readonly input?: string
  /** kubectl 1.20 has no such command or option, or another text of its own for it */
  readonly isNew: boolean
}

export interface Command {
  readonly name: string
  readonly lines: readonly Line[]
}

type Pattern = RegExp | string

/** A string stands for the beginning of the text. */
const pattern = (says: Pattern) => (typeof says === 'string' ? new RegExp(`^${escaped(says)}`) : says)
const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

const ok = (line: string, says: Pattern, input?: string): Line => ({
  line,
  status: 0,
  says: pattern(says),
  isNew: false,
  ...(input === undefined ? {} : { input }),
})
const bad = (line: string, says: Pattern, status = 1): Line => ({
  line,
  status,
  says: pattern(says),
  isNew: false,
})
const recent = (line: Line): Line => ({ ...line, isNew: true })

const notFound = (resource: string) => `Error from server (NotFound): ${resource} "nobody" not found`
const NO_DEPLOYMENT = notFound('deployments.apps')
const NO_POD = notFound('pods')
const NO_NODE = notFound('nodes')
/** What the test puts there before: Deployments `web` and `other`, pods `box` (two containers) and `crashes`. */
const ROLLED_OUT = 'rollout status deployment/web --timeout=30s'

export const COMMANDS: readonly Command[] = [
  {
    name: 'scale',
    lines: [
      ok('scale deployment web --replicas=1 --current-replicas=2', 'deployment.apps/web scaled'),
      ok('scale deployment/web --replicas=2', 'deployment.apps/web scaled'),
      ok(ROLLED_OUT, /deployment "web" successfully rolled out\n$/),
      bad('scale deployment web --replicas=3 --current-replicas=7', /Expected replicas to be 7, was 2/),
      bad('scale deployment web --replicas=-1', /COUNT must be greater than or equal to 0/),
      bad('scale deployment nobody --replicas=1', NO_DEPLOYMENT),
      bad('scale service web --replicas=1', /the server could not find the requested resource/),
    ],
  },
  {
    name: 'autoscale',
    lines: [
      ok('autoscale deployment other --cpu-percent=80 --min=1 --max=4', /other autoscaled/),
      ok('get hpa other --no-headers', /^other\s+Deployment\/other\s/),
      recent(
        bad(
          'autoscale deployment other --max=4 --cpu=80%',
          'Error from server (AlreadyExists): horizontalpodautoscalers.autoscaling "other" already exists',
        ),
      ),
      bad('autoscale deployment nobody --max=4', NO_DEPLOYMENT),
      bad(
        'autoscale deployment web --min=5 --max=4',
        /--max=MAXPODS must be larger or equal to --min=MINPODS/,
      ),
      bad('autoscale deployment web', /required flag\(s\) "max" not set/),
      bad('autoscale service web --max=3', /cannot autoscale a/),
      ok('delete hpa other', 'horizontalpodautoscaler.autoscaling "other" deleted'),
    ],
  },
  {
    name: 'rollout',
    lines: [
      bad('rollout undo deployment/web', 'error: no rollout history found for deployment "web"'),
      ok('rollout restart deployment/web', 'deployment.apps/web restarted'),
      bad('rollout restart deployment/nobody', NO_DEPLOYMENT),
      bad('rollout restart service/web', /services "web" restarting is not supported/),
      ok(ROLLED_OUT, /deployment "web" successfully rolled out\n$/),
      ok(
        'rollout history deployment/web',
        /^deployment.apps\/web \nREVISION  CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/,
      ),
      ok('rollout history deployment/web --revision=1', /with revision #1\nPod Template:\n[^]*TEXT:\s+first/),
      bad('rollout history deployment/web --revision=7', 'error: unable to find the specified revision'),
      bad('rollout history deployment/nobody', NO_DEPLOYMENT),
      ok('rollout pause deployment/web', 'deployment.apps/web paused'),
      bad('rollout pause deployment/web', 'error: deployments.apps "web" is already paused'),
      bad('rollout pause deployment/nobody', NO_DEPLOYMENT),
      bad('rollout restart deployment/web', /can't restart paused deployment \(run rollout resume first\)/),
      bad(
        'rollout undo deployment/web',
        'error: you cannot rollback a paused deployment; resume it first with',
      ),
      ok('rollout resume deployment/web', 'deployment.apps/web resumed'),
      bad('rollout resume deployment/web', 'error: deployments.apps "web" is not paused'),
      bad('rollout resume deployment/nobody', NO_DEPLOYMENT),
      bad(
        'rollout undo deployment/web --to-revision=99',
        'error: unable to find specified revision 99 in history',
      ),
      bad('rollout undo deployment/nobody', NO_DEPLOYMENT),
      ok('rollout undo deployment/web --to-revision=1', 'deployment.apps/web rolled back'),
      ok(ROLLED_OUT, /successfully rolled out\n$/),
      ok('rollout history deployment/web', /\n2 +<none>\n3 +<none>\n/),
      ok('rollout status deployment/web --watch=false', 'deployment "web" successfully rolled out'),
      bad(
        'rollout status deployment/web --revision=1',
        'error: desired revision (1) is different from the running revision (3)',
      ),
      bad('rollout status deployment/nobody', NO_DEPLOYMENT),
      bad('rollout status service/web', 'error: no status viewer has been implemented for'),
      ok('set image deployment/web web=none.example.org/none', 'deployment.apps/web image updated'),
      bad('rollout status deployment/web --timeout=0.2s', /error: timed out waiting for the condition\n/),
      ok('rollout undo deployment/web', 'deployment.apps/web rolled back'),
      ok(ROLLED_OUT, /successfully rolled out\n$/),
    ],
  },
  {
    name: 'wait',
    lines: [
      ok('wait deployment/web --for=condition=Available', 'deployment.apps/web condition met'),
      ok('wait pod -l app=box --for=condition=Ready', /^pod\/box condition met\n$/),
      bad(
        'wait deployment/web --for=condition=Odd --timeout=0.2s',
        'error: timed out waiting for the condition on deployments/web',
      ),
      bad('wait deployment/nobody --for=condition=Available', NO_DEPLOYMENT),
      bad('wait deployment/web --for=odd', 'error: unrecognized condition: "odd"'),
      bad('wait pod -l app=nobody --for=condition=Ready', 'error: no matching resources found'),
      recent(
        ok(
          'wait deployment/web --for=jsonpath={.status.readyReplicas}=2',
          'deployment.apps/web condition met',
        ),
      ),
      recent(ok('wait deployment/web --for=jsonpath={.metadata.uid}', 'deployment.apps/web condition met')),
      recent(
        bad(
          'wait deployment/web --for=jsonpath={.status.readyReplicas}=9 --timeout=0.2s',
          /timed out waiting for the condition on deployments\/web/,
        ),
      ),
      recent(bad('wait deployment/web --for=jsonpath={.spec.template', 'error: unexpected path string')),
      recent(
        bad('wait pod/nobody --for=create --timeout=0.2s', 'error: timed out waiting for the condition'),
      ),
      recent(ok('wait pod/nobody --for=delete', /^$/)),
      bad('wait pod/box --for=delete --timeout=0.2s', /timed out waiting for the condition on pods\/box/),
    ],
  },
  {
    name: 'logs',
    lines: [
      ok('logs box -c a', /^one\ntwo\nthree\n$/),
      ok('logs box -c first', /^from first\n$/),
      ok('logs box --all-containers --prefix', /\[pod\/box\/a\] one\n/),
      ok('logs -l app=box -c b --prefix', /^\[pod\/box\/b\] from b\n$/),
      ok('logs box -c a --tail=1', /^three\n$/),
      ok('logs box -c a --limit-bytes=5', /^one\nt$/),
      ok('logs box -c a --since=1h --tail=2', /^two\nthree\n$/),
      ok('logs box -c a --since-time=2020-01-01T00:00:00Z', /^one\ntwo\nthree\n$/),
      ok('logs box -c a --since-time=2999-01-01T00:00:00Z', /^$/),
      ok('logs box -c a --timestamps --tail=1', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z three\n$/),
      ok('logs ended -f', /^from the start\nto the end\n$/),
      ok('logs crashes --previous', /^run\n$/),
      ok('logs deployment/web', /^Found 2 pods, using pod\/web-/),
      ok('logs -l app=nobody', /^$|^No resources found in \w+ namespace\.\n$/),
      bad('logs box -c nobody', /container nobody is not valid for pod box/),
      bad('logs nobody', /pods "nobody" not found/),
      bad('logs deployment/nobody', /deployments.apps "nobody" not found/),
      bad(
        'logs box -c a --previous',
        'Error from server (BadRequest): previous terminated container "a" in pod "box" not found',
      ),
      bad('logs box --tail=-5', /--tail must be greater than or equal to -1/),
      bad(
        'logs box --since=1s --since-time=2020-01-01T00:00:00Z',
        /at most one of `?sinceTime`? or `?sinceSeconds`? may be specified/,
      ),
      bad('logs box --since-time=odd', /parsing time "odd"/),
      bad(
        'logs waits',
        /^Error from server \(BadRequest\): container "c" in pod "waits" is waiting to start: (?:trying and failing to pull image|image can't be pulled)\n$/,
      ),
    ],
  },
  {
    name: 'exec, attach, cp, port-forward',
    lines: [
      ok('exec box -c b -- echo hi', /^hi\n$/),
      ok('exec -i box -c a -- cat', /^typed\n$/, 'typed\n'),
      ok('exec deployment/web -- hostname', /^web-/),
      bad("exec box -c a -- sh -c 'exit 9'", /command terminated with exit code 9\n$/, 9),
      bad('exec box -c nobody -- true', /container nobody is not valid for pod box/),
      bad('exec nobody -- true', NO_POD),
      bad('exec box -c first -- true', /unable to upgrade connection: container not found \("first"\)/),
      bad('exec box', /you must specify at least one command for the container|exec \[POD\] \[COMMAND\]/),
      bad('attach nobody', /pods "nobody" not found/),
      bad('attach box -c nobody', /container/),
      bad('attach ended', /cannot attach a container in a completed pod; current phase is Succeeded/),
      ok('cp test/support/web.ts box:/tmp/copy -c b', /^$/),
      ok('exec box -c b -- tail -n 1 /tmp/copy', /^`\n$/),
      bad('cp nobody:/etc/hosts /tmp/nowhere', /pods "nobody" not found/),
      bad('cp /no-such-file box:/tmp -c b', /\/no-such-file doesn't exist in local filesystem/),
      bad('cp a b', /one of src or dest must be a remote file specification/),
      bad('port-forward pod/nobody 8080', NO_POD),
      bad('port-forward service/nobody 8080', notFound('services')),
      bad('port-forward service/web 8080:99', 'error: Service web does not have a service port 99'),
      bad(
        'port-forward pod/ended 8080',
        'error: unable to forward port because pod is not running. Current status=Succeeded',
      ),
      bad('port-forward pod/box', /TYPE\/NAME and list of ports are required for port-forward/),
    ],
  },
  {
    name: 'get, describe, events, top',
    lines: [
      ok(
        'get pods box -w --output-watch-events --request-timeout=1s',
        /^EVENT\s+NAME.*\nADDED\s+box\s+2\/2\s+Running\s+0\s/,
      ),
      bad('get pods nobody -w', NO_POD),
      ok(
        'get pod box -o wide --no-headers',
        /^box\s+2\/2\s+Running\s+0\s+\S+\s+10\.42\.\d+\.\d+\s+{node}\s+<none>\s+<none>\n$/,
      ),
      ok(
        'describe deployment web',
        /\nReplicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable\n[^]*ScalingReplicaSet/,
      ),
      ok(
        'describe pod box',
        /\nNode:\s+{node}\/10\.42\.0\.1\n[^]*\nInit Containers:\n  first:[^]*Reason:\s+Completed[^]*Normal\s+Scheduled/,
      ),
      ok('describe pod crashes', /Last State:\s+Terminated\n\s+Reason:\s+Error\n\s+Exit Code:\s+3/),
      ok('describe service web', /\nEndpoints:\s+10\.42\.\d+\.\d+:8080,10\.42\.\d+\.\d+:8080\n/),
      ok('describe node {node}', /\n  Ready\s+True[^]*\nAllocated resources:\n/),
      bad('describe pod nobody', NO_POD),
      bad('describe node nobody', NO_NODE),
      recent(
        ok(
          'events --for deployment/web',
          /ScalingReplicaSet\s+Deployment\/web\s+Scaled up replica set web-\S+ from 0 to 2/,
        ),
      ),
      recent(
        ok(
          'events --types=Warning',
          /Warning\s+BackOff\s+Pod\/crashes\s+Back-off restarting failed container c in pod crashes_/,
        ),
      ),
      recent(bad('events --types=Odd', 'error: valid --types are Normal or Warning')),
      ok(
        'get events --field-selector involvedObject.name=crashes,reason=BackOff',
        /Back-off restarting failed container/,
      ),
      ok('top pod box --containers --no-headers', /^box\s+a\s+\d+m\s+\d+Mi\s*\nbox\s+b\s/),
      ok('top pod -l app=web --no-headers', /^web-\S+\s+\d+m\s+\d+Mi\s*\nweb-/),
      ok('top node {node} --no-headers', /^{node}\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/),
      bad('top pod nobody', 'Error from server (NotFound): pods.metrics.k8s.io "nobody" not found'),
      bad('top node nobody', 'Error from server (NotFound): nodes.metrics.k8s.io "nobody" not found'),
      bad('top pod --sort-by=odd', /--sort-by accepts only cpu or memory/),
    ],
  },
  {
    name: 'set',
    lines: [
      ok('set image deployment/other web=busybox', 'deployment.apps/other image updated'),
      bad('set image deployment/other nobody=busybox', 'error: unable to find container named "nobody"'),
      bad('set image deployment/nobody web=busybox', NO_DEPLOYMENT),
      ok('set env deployment/other A=b TEXT-', 'deployment.apps/other env updated'),
      ok('set env deployment/other --list', /^# Deployment other, container web\nA=b\n$/),
      bad('set env deployment/nobody A=b', NO_DEPLOYMENT),
      bad('set env deployment/other --from=configmap/nobody', notFound('configmaps')),
      ok(
        'set resources deployment other --limits=cpu=100m --requests=cpu=50m',
        'deployment.apps/other resource requirements updated',
      ),
      bad('set resources deployment other --limits=cpu=odd', /quantities must match the regular expression/),
      bad('set resources deployment other --limits=cpu=10m', /must be less than or equal to cpu limit/),
      bad(
        'set resources deployment other -c=nobody --limits=cpu=10m',
        'error: unable to find container named nobody',
      ),
      ok('set serviceaccount deployment other default', 'deployment.apps/other serviceaccount updated'),
      bad('set serviceaccount deployment nobody default', NO_DEPLOYMENT),
    ],
  },
  {
    name: 'expose, run, label, annotate',
    lines: [
      ok('expose deployment web --name=shown --port=80 --target-port=http', 'service/shown exposed'),
      bad(
        'expose deployment web --name=shown --port=80',
        'Error from server (AlreadyExists): services "shown" already exists',
      ),
      bad(
        'expose deployment web --name=bad --port=99999',
        /The Service "bad" is invalid: ?\n?\*? ?spec.ports\[0\].port: Invalid value: 99999: must be between 1 and 65535, inclusive/,
      ),
      bad('expose deployment nobody --port=80', NO_DEPLOYMENT),
      bad('expose configmap kube-root-ca.crt --port=80', /cannot expose a/),
      ok('run once -i --rm --restart=Never --image=alpine -- echo said', /said\n/),
      bad("run once -i --rm --restart=Never --image=alpine -- sh -c 'exit 4'", /terminated/, 4),
      ok('run late --image=alpine -- sleep 3600', 'pod/late created'),
      bad('run late --image=alpine', 'Error from server (AlreadyExists): pods "late" already exists'),
      bad('run Bad_Name --image=alpine', /The Pod "Bad_Name" is invalid/),
      bad('run bad --image=', /--image is required/),
      bad('run bad --image=alpine --restart=Odd', /invalid restart policy: Odd/),
      ok('label pod late x=y', 'pod/late labeled'),
      bad('label pod late x=z', /'x' already has a value \(y\), and --overwrite is false/),
      bad("label pod late 'x=not valid' --overwrite", /invalid label value: "x=not valid"/),
      bad('label pod nobody x=y', NO_POD),
      ok('label pod late x-', /^pod\/late (?:un)?labeled\n$/),
      ok('annotate pod late a=b', 'pod/late annotated'),
      bad('annotate pod nobody a=b', NO_POD),
    ],
  },
  {
    name: 'debug',
    lines: [
      ok('wait pod/late --for=condition=Ready --timeout=20s', 'pod/late condition met'),
      recent(
        ok(
          "debug late -i --image=alpine --profile=general -- sh -c 'echo from inside; hostname'",
          /from inside\nlate\n$/,
        ),
      ),
      recent(ok('debug late -i --image=alpine --profile=general --target=late -- ps -A', /sleep/)),
      recent(ok('get pod late -o jsonpath={.spec.ephemeralContainers[*].targetContainerName}', /^late$/)),
      ok(
        'debug late --image=alpine --copy-to=copy -- sleep 3600',
        /Defaulting debug container name to debugger-/,
      ),
      ok('wait pod/copy --for=condition=Ready --timeout=20s', 'pod/copy condition met'),
      bad('debug nobody --image=alpine --copy-to=other', /pods "nobody" not found/),
      bad('debug late', /you must specify --image/),
      ok(
        'debug node/{node} --image=alpine -- true',
        /Creating debugging pod node-debugger-{node}-\w+ with container debugger on node {node}\./,
      ),
      bad('debug node/nobody --image=alpine -- true', /nodes "nobody" not found/),
    ],
  },
  {
    name: 'taint, cordon, uncordon, drain',
    lines: [
      ok('taint node {node} key=value:NoSchedule', 'node/{node} tainted'),
      bad(
        'taint node {node} key=value:NoSchedule',
        /already has key taint\(s\) with same effect\(s\) and --overwrite is false/,
      ),
      ok('run tainted --image=alpine -- sleep 3600', 'pod/tainted created'),
      ok('wait pod/tainted --for=condition=PodScheduled=false --timeout=10s', 'pod/tainted condition met'),
      ok(
        'describe pod tainted',
        /FailedScheduling .*default-scheduler\s+0\/1 nodes are available: 1 node\(s\) had untolerated taint/,
      ),
      ok('taint node {node} key:NoSchedule-', 'node/{node} untainted'),
      bad('taint node {node} key:NoSchedule-', /taint "key:NoSchedule" not found/),
      bad('taint node {node} key=value:NoOdd', /invalid taint effect: NoOdd, unsupported taint effect/),
      bad('taint node nobody key=value:NoSchedule', NO_NODE),
      ok('cordon {node}', 'node/{node} cordoned'),
      ok('cordon {node}', 'node/{node} already cordoned'),
      bad('cordon nobody', /nodes "nobody" not found/),
      ok('uncordon {node}', 'node/{node} uncordoned'),
      bad('uncordon nobody', /nodes "nobody" not found/),
      bad('drain {node} --timeout=1s', /cannot delete .*[Pp]ods .*\(use --force to override\): /),
      bad('drain nobody', /nodes "nobody" not found/),
      ok(
        'drain {node} --force --ignore-daemonsets --grace-period=0 --timeout=20s --pod-selector app=evicted',
        /evicting pod \w+\/evicted\n[^]*node\/{node} (?:drained|evicted)/,
      ),
      ok('uncordon {node}', 'node/{node} uncordoned'),
    ],
  },
  {
    name: 'delete',
    lines: [
      bad('delete deployment web --cascade=odd', /invalid cascade value \(odd\)/),
      ok('delete deployment web --cascade=orphan', 'deployment.apps "web" deleted'),
      ok('get replicasets -l app=web --no-headers', /^web-\S+\s+2\s+2\s+2\s|\nweb-\S+\s+2\s+2\s+2\s/),
      ok(
        'delete replicasets -l app=web --cascade=foreground --timeout=20s',
        /^replicaset.apps "web-\S+" deleted/,
      ),
      ok('get pods -l app=web -o name', /^$/),
      ok('delete deployment other --cascade=background', 'deployment.apps "other" deleted'),
      ok(
        'delete pod box --dry-run=server',
        /^pod "box" deleted (?:from \w+ namespace )?\(server dry run\)\n$/,
      ),
      ok('delete pod late --now', /^pod "late" deleted/),
      ok('delete pod box --force --grace-period=0', /pod "box" force deleted/),
      ok('delete pod nobody --ignore-not-found', /^$/),
      ok('delete pods -l app=nobody', /^No resources found\n$/),
      bad('delete pod nobody', NO_POD),
      bad('delete pods', /resource\(s\) were provided, but no name/),
      bad('delete odd nobody', /the server doesn't have a resource type "odd"/),
      bad(
        'delete namespace kube-system',
        /Error from server \(Forbidden\): namespaces "kube-system" is forbidden: this namespace may not be deleted/,
      ),
    ],
  },
]
