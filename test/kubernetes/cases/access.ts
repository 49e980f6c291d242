import { each, group, k, type Group } from '../table.ts'
import {
  CONFIG_MAP,
  DEPLOYMENT,
  LIMIT_RANGE,
  POD,
  POLICY,
  POLICY_BINDING,
  WIDGET,
  WIDGET_CRD,
} from './manifests.ts'

const ROBOT = '--as=system:serviceaccount:{ns}:robot'
const ACCESS = group('access', [
  k('create serviceaccount robot'),
  k('create role reader --verb=get,list,watch --resource=configmaps'),
  k('create rolebinding readers --role=reader --serviceaccount={ns}:robot'),
  k('create role one --verb=get,update --resource=secrets --resource-name=only'),
  k('create rolebinding ones --role=one --user=jane'),
  k('apply -f -', CONFIG_MAP),
  k('create secret generic only --from-literal=a=b'),
  k('auth can-i get pods'),
  k('auth can-i get nothings'),
  k('auth can-i odd pods'),
  k(`auth can-i get configmaps ${ROBOT}`),
  k(`auth can-i delete configmaps ${ROBOT}`),
  k(`auth can-i get configmaps -n default ${ROBOT}`),
  k(`auth can-i get configmaps -A ${ROBOT}`),
  k('auth can-i get secret/only --as=jane'),
  k('auth can-i get secrets --as=jane'),
  k('auth can-i get /healthz --as=jane'),
  k('auth can-i get /metrics --as=jane'),
  k('auth can-i get pods --subresource=log --as=jane'),
  k(`auth can-i --list ${ROBOT}`),
  k('auth can-i --list --as=jane'),
  k('auth can-i --list'),
  k('auth can-i'),
  k('auth whoami'),
  k('auth whoami -o yaml'),
  k(`auth whoami ${ROBOT} -o json`),
  k('auth whoami --as=jane --as-group=people --as-user-extra=why=test -o json'),
  k(`get configmap settings -o name ${ROBOT}`),
  k(`get secrets ${ROBOT}`),
  k(`get secret only ${ROBOT}`),
  k(`delete configmap settings ${ROBOT}`),
  k(`create configmap x ${ROBOT}`),
  k(`get configmaps -A ${ROBOT}`),
  k(`get nodes ${ROBOT}`),
  k(`label configmap settings a=b ${ROBOT}`),
  k(`scale deployment web --replicas=1 ${ROBOT}`),
  k(`apply -f - ${ROBOT}`, CONFIG_MAP.replace('red', 'blue')),
  k(`apply --server-side -f - ${ROBOT}`, CONFIG_MAP.replace('red', 'blue')),
  k('get secret only -o name --as=jane'),
  k('get secrets --field-selector metadata.name=only -o name --as=jane'),
  k('get configmaps --as=jane --as-group=system:masters -o name'),
  k('get configmaps -o name --as=jane --as-uid=7'),
  k('create rolebinding up --clusterrole=cluster-admin --user=jane --as=jane'),
  k(
    'create role helping --verb=* --resource=configmaps,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io',
  ),
  k('create rolebinding helpers --role=helping --user=helper'),
  k('create role wide --verb=* --resource=nodes --as=helper'),
  k('create role narrow --verb=get --resource=configmaps --as=helper'),
  k('create rolebinding up --clusterrole=cluster-admin --user=helper --as=helper'),
  k('create rolebinding same --role=narrow --user=friend --as=helper'),
  k('get configmaps -o name --as=friend'),
  k('get configmap settings -o name --as=friend'),
  k('create deployment x --image=x --as=friend'),
  k('create token robot --as=friend'),
  k(
    'auth reconcile -f -',
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: "{ns}"}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n',
  ),
  k('get role reader -o yaml'),
  k('describe role reader'),
  k('describe rolebinding readers'),
  k('describe clusterrole system:discovery'),
  ...each('apply -f -', {
    'a role without verbs':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: bad}\nrules: [{apiGroups: [""], resources: [pods], verbs: []}]\n',
    'a role with URLs':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: bad}\nrules: [{nonResourceURLs: [/x], verbs: [get]}]\n',
    'a binding with another role':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: readers}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: other}\nsubjects: []\n',
    'a subject without a name':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: bad}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: other}\nsubjects: [{kind: User}]\n',
    'a subject of an odd kind':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: bad}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: other}\nsubjects: [{kind: Robot, name: x}]\n',
    'an odd roleRef':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: bad}\nroleRef: {apiGroup: x, kind: Rolle, name: ""}\n',
  }),
])

const ADMISSION = group('admission', [
  k('apply -f -', POLICY + '---' + POLICY_BINDING),
  k('get validatingadmissionpolicy no-blue.example.com'),
  k('get validatingadmissionpolicybinding no-blue.example.com'),
  k(
    'wait --for=jsonpath={.metadata.generation}=1 validatingadmissionpolicy no-blue.example.com --timeout=1s',
  ),
  ...each('apply -f -', {
    'a policy with a bad expression': POLICY.replace('no-blue', 'bad').replace(
      "object.data.color != 'blue'",
      'object.data.color +',
    ),
    'a policy with an unknown variable': POLICY.replace('no-blue', 'bad').replace(
      "object.data.color != 'blue'",
      'nothing.data',
    ),
    'a policy without validations': POLICY.replace('no-blue', 'bad').replace(
      /validations:.*/,
      'validations: []',
    ),
    'a binding without actions': POLICY_BINDING.replace('no-blue', 'bad').replace('[Deny]', '[]'),
    'a binding with odd actions': POLICY_BINDING.replace('no-blue', 'bad').replace('[Deny]', '[Deny, Warn]'),
    'a webhook without side effects':
      'apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: bad}\nwebhooks: [{name: x, clientConfig: {url: "http://x"}, admissionReviewVersions: []}]\n',
  }),
  k('apply -f -', LIMIT_RANGE),
  k('apply -f -', POD),
  k('get pod one -o yaml'),
  k('run greedy --image=x', undefined),
  k('apply -f -', POD.replace('name: one', 'name: two').replace('cpu: 10m', 'cpu: "2"'), {
    name: 'a pod above the limit range',
  }),
  k('describe limitrange limits'),
  k('create quota none --hard=configmaps=0'),
  k('run outsider --image=x --overrides={"spec":{"serviceAccountName":"nobody"}}'),
  k('run important --image=x --overrides={"spec":{"priorityClassName":"nothing"}}'),
  k(
    'apply -f -',
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: admission-restricted, labels: {pod-security.kubernetes.io/enforce: restricted}}\n',
  ),
  k('create serviceaccount default -n admission-restricted'),
  k('run plain --image=x -n admission-restricted'),
  k(
    'apply -f -',
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: admission-baseline, labels: {pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/warn: restricted}}\n',
  ),
  k('create serviceaccount default -n admission-baseline'),
  k('run plain --image=x -n admission-baseline'),
  k('run root --image=x --privileged -n admission-baseline'),
  k('apply -n admission-baseline -f -', DEPLOYMENT),
])

const CR = 'apply -f -'
const widget = (spec: string, name = 'w') =>
  `apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: ${name}}\nspec: ${spec}\n`
const CUSTOM = group('custom-resources', [
  k('apply -f -', WIDGET_CRD),
  k('wait crd widgets.example.com --for=condition=Established --timeout=10s'),
  k('get crd widgets.example.com', undefined),
  k('get crd widgets.example.com -o yaml'),
  k('describe crd widgets.example.com'),
  k('api-resources --api-group=example.com'),
  k(CR, WIDGET),
  k(CR, WIDGET),
  k('get widgets'),
  k('get wd w -o wide'),
  k('get widget w -o yaml --show-managed-fields'),
  k('get widgets.v1beta1.example.com w -o yaml'),
  k('get all'),
  k('describe widget w'),
  k('explain widget'),
  k('explain widget.spec'),
  k('explain widget.spec.parts --recursive'),
  k('explain widget --api-version=example.com/v1beta1'),
  k('get widgets --field-selector spec.color=red -o name'),
  k('get widgets --field-selector spec.size=3 -o name'),
  k('scale widget w --replicas=4'),
  k('scale widget w --replicas=400'),
  k('get widget w --subresource=scale -o yaml'),
  k(`patch widget w --type=merge -p '{"spec":{"size":5},"status":{"phase":"ignored"}}' -o yaml`),
  k(`patch widget w --subresource=status --type=merge -p '{"status":{"size":5},"spec":{"size":1}}' -o yaml`),
  k(`patch widget w --subresource=status --type=merge -p '{"status":{"size":"five"}}'`),
  k(`patch widget w -p '{"spec":{"size":5}}'`),
  k(`patch widget w --type=json -p '[{"op":"add","path":"/spec/tags/-","value":"x"}]'`),
  ...each('apply -f -', {
    'no spec': 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: bad}\n',
    'no size': widget('{}', 'bad'),
    'a negative size': widget('{size: -1}', 'bad'),
    'a size too big': widget('{size: 101, max: 200}', 'bad'),
    'a size as text': widget('{size: "3"}', 'bad'),
    'a size with a fraction': widget('{size: 3.5}', 'bad'),
    'above its own maximum': widget('{size: 11}', 'bad'),
    'another color': widget('{size: 1, color: green}', 'bad'),
    'a changed color': widget('{size: 3, color: blue}'),
    'a bad name': widget('{size: 1, name: "A1"}', 'bad'),
    'a short name': widget('{size: 1, name: a}', 'bad'),
    'a long name': widget('{size: 1, name: abcdefgh}', 'bad'),
    'a bad time': widget('{size: 1, at: today}', 'bad'),
    'parts alike': widget('{size: 1, parts: [{name: a}, {name: a}]}', 'bad'),
    'parts without keys': widget('{size: 1, parts: [{weight: 2}]}', 'bad'),
    'too many parts': widget('{size: 1, parts: [{name: a}, {name: b}, {name: c}, {name: d}]}', 'bad'),
    'tags alike': widget('{size: 1, tags: [x, x]}', 'bad'),
    'neither number nor text': widget('{size: 1, either: [1]}', 'bad'),
    'an unknown field': widget('{size: 1, colour: red}', 'bad'),
    'a wrong map': widget('{size: 1, byName: {a: b}}', 'bad'),
    'null where it may be': widget('{size: 1, maybe: null, color: null}', 'nulls'),
    'null where it may not': widget('{size: null}', 'bad'),
    'many mistakes': widget('{size: -1, color: green, name: A, tags: [x, x]}', 'bad'),
    'free fields': widget('{size: 1, free: {any: [1, {deep: true}]}}', 'free'),
    'either as number': widget('{size: 1, either: 5}', 'either'),
  }),
  k('get widgets -o yaml'),
  k('apply -f - --validate=ignore', widget('{size: 1, colour: red}', 'pruned')),
  k('get widget pruned -o jsonpath={.spec}'),
  k('apply -f - --validate=warn', widget('{size: 1, colour: red}', 'warned')),
  k('apply --server-side -f -', widget('{size: 2, parts: [{name: x, weight: 3}], tags: [a]}', 'ssa')),
  k(
    'apply --server-side --field-manager=other -f -',
    widget('{size: 2, parts: [{name: b}], tags: [b]}', 'ssa'),
  ),
  k('get widget ssa -o yaml --show-managed-fields'),
  k(
    'apply --server-side --field-manager=other -f -',
    widget('{size: 3, parts: [{name: x, weight: 4}]}', 'ssa'),
  ),
  k('apply --server-side -f -', widget('{size: 2, tags: [a, a]}', 'ssa'), {
    name: 'server-side: a set with equal items',
  }),
  k('apply --server-side -f -', widget('{size: 2, parts: [{weight: 1}]}', 'ssa'), {
    name: 'server-side: an item without its key',
  }),
  k('apply -f -', 'apiVersion: example.com/v1beta1\nkind: Widget\nmetadata: {name: old}\nspec: {size: 1}\n', {
    name: 'a deprecated version',
  }),
  k('apply -f -', 'apiVersion: example.com/v3\nkind: Widget\nmetadata: {name: old}\nspec: {size: 1}\n', {
    name: 'a version that is not served',
  }),
  ...each('apply -f - --dry-run=server', {
    'a definition without a schema': WIDGET_CRD.replace(
      / {4}schema:\n[^]*- name: v1beta1/,
      '  - name: v1beta1',
    )
      .replaceAll('widgets', 'gadgets')
      .replaceAll('idget', 'adget'),
    'a definition with another name': WIDGET_CRD.replace(
      'metadata: {name: widgets',
      'metadata: {name: things',
    ),
    'a definition without storage': WIDGET_CRD.replace('storage: true', 'storage: false')
      .replaceAll('widgets', 'gadgets')
      .replaceAll('Widget', 'Gadget'),
    'a bad CEL rule': WIDGET_CRD.replace('self.size <= self.max', 'self.size <= self.most')
      .replaceAll('widgets', 'gadgets')
      .replaceAll('Widget', 'Gadget'),
    'a default that does not fit': WIDGET_CRD.replace('default: red', 'default: green')
      .replaceAll('widgets', 'gadgets')
      .replaceAll('Widget', 'Gadget'),
    'a property without a type': WIDGET_CRD.replace('maybe: {type: string, nullable: true}', 'maybe: {}')
      .replaceAll('widgets', 'gadgets')
      .replaceAll('Widget', 'Gadget'),
    'another scope': WIDGET_CRD.replace('scope: Namespaced', 'scope: Cluster'),
    'a reserved group': WIDGET_CRD.replaceAll('example.com', 'x.k8s.io'),
  }),
  k('delete widget w'),
  k('delete crd widgets.example.com --timeout=20s'),
  k('get widgets'),
])
export const RULES: readonly Group[] = [ACCESS, ADMISSION, CUSTOM]
