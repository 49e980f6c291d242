import { sortedLines } from '../normalise.ts'
import { edit, each, group, k, type Group } from '../table.ts'
import { CONFIG_MAP, DEPLOYMENT, NODE, POD, REPLICA_SET, SERVICE, STATEFUL_SET } from './manifests.ts'

const managed = (line: string) => k(`${line} -o yaml --show-managed-fields`)
const NEW_IMAGE = DEPLOYMENT.replace('image: nginx', 'image: "nginx:2"')

const APPLY = group('apply', [
  k('apply -f -', DEPLOYMENT + '---' + SERVICE),
  k('apply -f -', DEPLOYMENT + '---' + SERVICE),
  managed('get deployment web'),
  k('apply -f -', NEW_IMAGE),
  k('get deployment web -o yaml'),
  k('apply -f - --dry-run=server', DEPLOYMENT),
  k('apply -f - --dry-run=client', DEPLOYMENT),
  k('apply -f - --dry-run=server -o yaml', DEPLOYMENT),
  k('apply -f -', DEPLOYMENT.replace('env: [{name: COLOR, value: red}]', 'env: [{name: SIZE, value: "1"}]')),
  k('get deployment web -o jsonpath={.spec.template.spec.containers[0].env}'),
  k('apply view-last-applied deployment web'),
  k('apply view-last-applied service nothing'),
  k('apply set-last-applied -f -', DEPLOYMENT),
  edit('apply edit-last-applied service web', 'sed -i s/9000/9001/'),
  k('create configmap by-hand --from-literal=a=b'),
  k('apply -f -', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: by-hand}\ndata: {c: d}\n', {
    name: 'apply over create',
  }),
  k('get configmap by-hand -o yaml'),
  k(
    'apply -f - --prune -l prune=me',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p1, labels: {prune: me}}\n',
  ),
  k(
    'apply -f - --prune -l prune=me',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p2, labels: {prune: me}}\n',
  ),
  k('get configmap -l prune=me -o name'),
  k('apply -f -', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n', {
    name: 'apply with generateName',
  }),
  ...each('apply -f -', {
    'another selector': DEPLOYMENT.replace('matchLabels: {app: web}', 'matchLabels: {app: other}'),
    'another cluster IP': SERVICE.replace('selector:', 'clusterIP: 10.43.9.9\n  selector:'),
    'unknown field': DEPLOYMENT.replace('replicas: 2', 'replica: 2'),
    'two unknown fields': DEPLOYMENT.replace('replicas: 2', 'replica: 2').replace(
      'image: nginx',
      'image: nginx\n        imagePolicy: x',
    ),
    'a field twice': CONFIG_MAP.replace('data:', 'data: {a: b}\ndata:'),
    'wrong type': DEPLOYMENT.replace('replicas: 2', 'replicas: two'),
    'another namespace': CONFIG_MAP.replace('name: settings', 'name: settings, namespace: kube-nowhere'),
    'one good, one bad': CONFIG_MAP + '---' + SERVICE.replace('port: 80', 'port: 99999'),
  }),
  k('apply -f - --validate=warn', DEPLOYMENT.replace('replicas: 2', 'replica: 2')),
  k('apply -f - --validate=ignore', DEPLOYMENT.replace('replicas: 2', 'replica: 2')),
  k('apply -f - --validate=true', DEPLOYMENT.replace('replicas: 2', 'replica: 2')),
  k('apply -f words.txt'),
  k(
    'apply -f - --force',
    DEPLOYMENT.replace('matchLabels: {app: web}', 'matchLabels: {app: web, more: "1"}').replace(
      'labels: {app: web}}\n    spec',
      'labels: {app: web, more: "1"}}\n    spec',
    ),
  ),
  k('apply'),
])

const SSA = 'apply --server-side -f -'
const SERVER_SIDE = group('server-side-apply', [
  k(SSA, DEPLOYMENT),
  managed('get deployment web'),
  k(SSA, DEPLOYMENT),
  k(`${SSA} --field-manager=other`, NEW_IMAGE),
  k(`${SSA} --field-manager=other --force-conflicts`, NEW_IMAGE),
  managed('get deployment web'),
  k(SSA, DEPLOYMENT.replace('replicas: 2', 'replicas: 3')),
  k('scale deployment web --replicas=5'),
  k(SSA, DEPLOYMENT.replace('replicas: 2', 'replicas: 4')),
  k(`${SSA} --field-manager=other`, 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n', {
    name: 'server-side: another manager lets go',
  }),
  k('get deployment web -o yaml'),
  k(
    `${SSA} --field-manager=sidecar`,
    `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: second, image: alpine}, {name: web, ports: [{containerPort: 81}]}]}}}
`,
    { name: 'server-side: another manager adds to lists' },
  ),
  managed('get deployment web'),
  k(
    `${SSA} --field-manager=sidecar`,
    `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, ports: [{containerPort: 81}]}]}}}
`,
    { name: 'server-side: another manager takes one out' },
  ),
  k('get deployment web -o yaml'),
  k('apply -f -', CONFIG_MAP),
  k(SSA, CONFIG_MAP.replace('size: "10"', 'weight: "2"'), { name: 'server-side after client-side' }),
  managed('get configmap settings'),
  k('create configmap plain --from-literal=a=b'),
  k(SSA, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: c}\n', {
    name: 'server-side over create',
  }),
  k(`${SSA} --force-conflicts`, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: c}\n', {
    name: 'server-side over create by force',
  }),
  managed('get configmap plain'),
  k(`${SSA} --dry-run=server`, CONFIG_MAP),
  k(`${SSA} --dry-run=server -o yaml`, SERVICE),
  k(SSA, SERVICE),
  managed('get service web'),
  k('label service web color=red'),
  k('annotate service web note=x --field-manager=notes'),
  managed('get service web'),
  k(SSA, POD),
  managed('get pod one'),
  ...each(SSA, {
    'unknown field': CONFIG_MAP + 'datum: {}\n',
    'wrong type': CONFIG_MAP.replace('data: {color: red, size: "10"}', 'data: [a]'),
    'no name': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n',
    'two keys alike': DEPLOYMENT.replace(
      'env: [{name: COLOR, value: red}]',
      'env: [{name: COLOR, value: red}, {name: COLOR, value: blue}]',
    ),
    'two ports alike': SERVICE.replace('{name: admin, port: 9000}', '{name: admin, port: 80}'),
    'a key missing': DEPLOYMENT.replace('ports: [{containerPort: 80, name: http}]', 'ports: [{name: http}]'),
    'invalid value': DEPLOYMENT.replace('replicas: 2', 'replicas: -2'),
    'managed fields': CONFIG_MAP.replace('name: settings', 'name: settings, managedFields: [{manager: x}]'),
  }),
  k(`${SSA} --field-manager=`, CONFIG_MAP),
  k(
    `${SSA} --subresource=status --field-manager=state`,
    `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
status: {observedGeneration: 1, conditions: [{type: Available, status: "True", reason: Said, message: so, lastUpdateTime: "2026-01-01T00:00:00Z", lastTransitionTime: "2026-01-01T00:00:00Z"}]}
`,
    { name: 'server-side: status' },
  ),
  managed('get deployment web'),
])

const DIFF = group('diff', [
  k('diff -f -', CONFIG_MAP),
  k('apply -f -', CONFIG_MAP),
  k('diff -f -', CONFIG_MAP),
  k('diff -f -', CONFIG_MAP.replace('red', 'blue')),
  k('diff -f - --server-side', CONFIG_MAP.replace('red', 'blue')),
  k('diff -f - --server-side --force-conflicts', CONFIG_MAP.replace('red', 'blue')),
  k('diff -f -', CONFIG_MAP + 'datum: {}\n'),
  k('apply -f -', DEPLOYMENT),
  k('diff -f -', NEW_IMAGE),
  k('diff -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: -1')),
  k('diff -f nowhere.yaml'),
])

const EDIT = group('edit', [
  k('apply -f -', CONFIG_MAP + '---' + DEPLOYMENT),
  edit('edit configmap settings', 'sed -i s/red/green/'),
  k('get configmap settings -o yaml'),
  edit('edit configmap settings', 'true'),
  edit('edit deployment web', `sed -i 's/replicas: 2/replicas: 4/'`),
  edit('edit deployment web', `sed -i 's/replicas: 4/replicas: -4/'`),
  edit('edit deployment web', `sed -i 's/  name: web/  name: other/'`),
  edit('edit configmap settings', 'false'),
  edit('edit configmap nothing', 'true'),
  edit('edit configmap settings -o json', `sed -i 's/green/"x/'`),
  edit('edit deployment web --subresource=status', `sed -i 's/status: {}/status: {replicas: 1}/'`),
  edit('edit configmap -l app=web', 'sed -i s/green/blue/'),
])

const REPLACE = group('replace', [
  k('replace -f -', CONFIG_MAP),
  k('create -f -', CONFIG_MAP),
  k('replace -f -', CONFIG_MAP.replace('red', 'blue')),
  k('get configmap settings -o yaml'),
  k('replace -f -', CONFIG_MAP.replace('name: settings', 'name: settings, resourceVersion: "1"'), {
    name: 'replace an old version',
  }),
  k(
    'replace -f -',
    CONFIG_MAP.replace('name: settings', 'name: settings, uid: 00000000-0000-0000-0000-000000000000'),
    { name: 'replace another uid' },
  ),
  k('replace --force -f -', CONFIG_MAP),
  k('replace -f - --dry-run=server', CONFIG_MAP.replace('red', 'violet')),
  k('create -f -', SERVICE),
  k('replace -f -', SERVICE.replace('port: 9000', 'port: 9001')),
  k('get service web -o yaml'),
  k('create -f -', DEPLOYMENT),
  k('replace -f -', DEPLOYMENT.replace('app: web}}\n  template', 'app: else}}\n  template')),
  k('replace -f -', NEW_IMAGE),
  k('get deployment web -o yaml'),
  k(
    'replace --raw /api/v1/namespaces/{ns}/configmaps/settings -f -',
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"settings"},"immutable":true,"data":{"a":"b"}}',
  ),
  k('replace -f -', CONFIG_MAP, { name: 'replace an immutable one' }),
  k(
    'replace -f -',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\nimmutable: false\n',
    { name: 'replace immutable by mutable' },
  ),
  k('create -f -', POD),
  k('replace -f -', POD.replace('command: [sleep, "10"]', 'command: [sleep, "11"]'), {
    name: 'replace a pod’s command',
  }),
  k('replace -f -', POD.replace('busybox:1.36', 'busybox:1.37'), { name: 'replace a pod’s image' }),
])

const PATCH = group('patch', [
  k('apply -f -', CONFIG_MAP + '---' + DEPLOYMENT + '---' + SERVICE),
  k(`patch deployment web -p '{"spec":{"replicas":3}}'`),
  k(`patch deployment web -p '{"spec":{"replicas":3}}'`),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:3"},{"name":"new","image":"alpine"}]}}}}'`,
  ),
  k('get deployment web -o yaml'),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"new","$patch":"delete"}]}}}}'`,
  ),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"web"}],"containers":[{"name":"b","image":"b"}]}}}}'`,
  ),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"COLOR","$patch":"delete"},{"name":"X","value":"y"}]}]}}}}'`,
  ),
  k(`patch deployment web -p '{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}'`),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"$patch":"replace","containers":[{"name":"only","image":"x"}]}}}}'`,
  ),
  k(
    `patch deployment web -p '{"metadata":{"$deleteFromPrimitiveList/finalizers":["x"],"labels":{"app":null,"new":"1"}}}'`,
  ),
  k('get deployment web -o yaml'),
  k(`patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}'`),
  k(
    `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"only","$patch":"explode"}]}}}}'`,
  ),
  k(`patch deployment web --type=merge -p '{"spec":{"paused":true,"replicas":null}}'`),
  k('get deployment web -o yaml'),
  k(`patch deployment web --type=merge -p '{"spec":{"replicas":"many"}}'`),
  k(`patch deployment web --type=merge -p '{"spec":{"unknown":1}}'`),
  k(`patch deployment web --type=merge -p '{"metadata":{"name":"other"}}'`),
  k(`patch deployment web --type=merge -p '{"metadata":{"resourceVersion":"1"}}'`),
  k(`patch deployment web --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"x"}}}}'`),
  k(
    `patch service web --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":81},{"op":"add","path":"/spec/ports/-","value":{"name":"c","port":7}},{"op":"remove","path":"/spec/ports/1"}]'`,
  ),
  k('get service web -o jsonpath={.spec.ports}'),
  k(`patch service web --type=json -p '[{"op":"test","path":"/spec/ports/0/port","value":82}]'`),
  k(`patch service web --type=json -p '[{"op":"remove","path":"/spec/nothing"}]'`),
  k(`patch service web --type=json -p '[{"op":"replace","path":"/spec/ports/9/port","value":1}]'`),
  k(
    `patch service web --type=json -p '[{"op":"copy","from":"/metadata/labels/app","path":"/metadata/labels/copied"},{"op":"move","from":"/metadata/labels/copied","path":"/metadata/labels/moved"}]'`,
  ),
  k(`patch service web --type=json -p '[{"op":"shake","path":"/spec"}]'`),
  k(`patch service web --type=json -p '{"op":"add"}'`),
  k(`patch service web --type=json -p '[]'`),
  k(`patch service web -p 'not json'`),
  k(`patch service web -p '[]'`),
  k(`patch service web --type=odd -p '{}'`),
  k(`patch service nothing -p '{}'`),
  k(`patch service web -p '{}' --dry-run=server`),
  k(`patch service web -p '{"spec":{"clusterIP":"10.43.1.2"}}'`),
  k(`patch service web -p '{"spec":{"type":"ExternalName","externalName":"x.example.com"}}'`),
  k(`patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":7}}'`),
  k(`patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":-7}}'`),
  k(
    `patch deployment web --subresource=status --type=merge -p '{"status":{"replicas":2,"observedGeneration":1},"spec":{"replicas":1}}'`,
  ),
  k('get deployment web -o yaml'),
  k(`patch deployment web --subresource=colors --type=merge -p '{}'`),
  k(`patch configmap settings --type=merge -p '{"data":{"color":null}}' -o yaml`),
  k(`patch configmap settings --type=merge -p '{"data":null}' -o yaml`),
  k(`patch -f - -p '{"data":{"x":"y"}}'`, CONFIG_MAP),
])

const META = group('labels-annotations', [
  k('apply -f -', CONFIG_MAP + '---' + SERVICE),
  k('label configmap settings color=red'),
  k('label configmap settings color=red'),
  k('label configmap settings color=blue'),
  k('label configmap settings color=blue --overwrite'),
  k('label configmap settings color- nothing-'),
  k('label configmap settings --list', undefined, { normalise: [sortedLines] }), // kubectl 1.20 has no order
  k('label configmap settings bad=a_'),
  k('label configmap settings /x=y'),
  k('label configmap settings a=b --resource-version=1'),
  k('label configmap settings a=b --dry-run=server -o yaml'),
  k('label configmap nothing a=b'),
  k('label configmap,service --all all=yes'),
  k('label configmap,service -l all=yes all-'),
  k('label configmap settings'),
  k('label nothings x a=b'),
  k('annotate configmap settings note=second'),
  k('annotate configmap settings note=second --overwrite'),
  k('annotate configmap settings note-'),
  k(`annotate configmap settings 'long=a b c'`),
  k('annotate configmap settings Bad_/x=y'),
  k('annotate configmap settings'),
  k('get configmap settings -o yaml --show-managed-fields'),
])

const SCALE = group('scale', [
  k('apply -f -', DEPLOYMENT + '---' + STATEFUL_SET + '---' + REPLICA_SET + '---' + CONFIG_MAP),
  k('scale deployment web --replicas=3'),
  k('scale deployment web --replicas=3'),
  k('scale deployment web --replicas=4 --current-replicas=2'),
  k('scale deployment web --replicas=4 --current-replicas=3'),
  k('scale deployment web --replicas=4 --resource-version=1'),
  k('scale statefulset db --replicas=2'),
  k('scale replicaset rs --replicas=0'),
  k('scale deployment/web statefulset/db --replicas=1'),
  k('scale deployment nothing --replicas=1'),
  k('scale configmap settings --replicas=1'),
  k('scale deployment web --replicas=-1'),
  k('scale deployment web'),
  k('scale deployment web --replicas=2 --dry-run=server'),
  k('get deployment web -o yaml --show-managed-fields'),
  k('get --raw /apis/apps/v1/namespaces/{ns}/deployments/web/scale'),
  k('get deployment web --subresource=scale'),
  k('get deployment web --subresource=scale -o yaml'),
  k('rollout pause deployment web'),
  k('rollout pause deployment web'),
  k('rollout resume deployment web'),
  k('rollout resume deployment web'),
  k('rollout history deployment web'),
  k('rollout undo deployment web'),
  k('rollout undo deployment web --to-revision=9'),
  k('rollout status deployment web --watch=false'),
  k('rollout status deployment nothing'),
  k('rollout restart deployment nothing'),
  k('rollout restart statefulset db'),
  k('rollout pause statefulset db'),
  k('set image deployment web web=nginx:9'),
  k('set image deployment web nothing=nginx:9'),
  k('set env deployment web A=b COLOR-'),
  k('set env deployment web --list'),
  // One key: kubectl takes them in no order.
  k('set env deployment web --from=configmap/settings --keys=color'),
  k('set resources deployment web --limits=cpu=1 --requests=cpu=2'),
  k('set resources deployment web --limits=cpu=1,memory=1Gi'),
  k('set serviceaccount deployment web robot'),
  k('get deployment web -o yaml'),
  k('create service clusterip web --tcp=80'),
  k('set selector service web app=other'),
  k('create rolebinding b --clusterrole=view --user=a'),
  k('set subject rolebinding b --group=g'),
  k('get rolebinding b -o yaml'),
  k('cordon worker'),
  k('apply -f -', NODE),
  k('cordon worker'),
  k('cordon worker'),
  k('get node worker'),
  k('uncordon worker'),
  k('taint node worker a=b:NoSchedule'),
  k('taint node worker a=b:NoSchedule'),
  k('taint node worker a-'),
  k('taint node worker a=b:Sometimes'),
  k('get node worker -o yaml'),
])

export const CHANGE: readonly Group[] = [APPLY, SERVER_SIDE, DIFF, EDIT, REPLACE, PATCH, META, SCALE]
