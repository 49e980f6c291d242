import { HOOKS } from '../hooks.ts'
import { replacing } from '../normalise.ts'
import { each, group, type Group, k } from '../table.ts'

const UIDS = [replacing(/response\.uid="<uid>"/g, 'response.uid="<any>"')]
const configMap = (labels: Readonly<Record<string, string>>, name = 'seen') =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { a: 'b' } })}\n`

const WEBHOOKS = group('webhooks', [
  k('apply -f hooks.yaml'),
  ...Object.keys(HOOKS).flatMap((name) => [
    k('create -f - --dry-run=server -o yaml', configMap({ mutate: name }), {
      name: `a mutating webhook: ${name}`,
      normalise: UIDS,
    }),
    k('create -f - --dry-run=server -o yaml', configMap({ validate: name }), {
      name: `a validating webhook: ${name}`,
      normalise: UIDS,
    }),
  ]),
  k('create -f -', configMap({ mutate: 'add', validate: 'warn' }, 'both')),
  k('get configmap both -o jsonpath={.data}'),
  k('label configmap both validate=deny --overwrite'),
  k('create -f -', configMap({}, 'stays')),
  k('label configmap stays mutate=deny-message'),
  k('annotate configmap both a=b'),
  k('label configmap both validate-', undefined, { name: 'a label is taken off that a webhook selects by' }),
  k('delete configmap both'),
  k('create -f - --dry-run=server', configMap({ validate: 'slow' }), { name: 'a slow webhook' }),
  ...each('apply -f - --dry-run=server', {
    'a webhook without a certificate authority': hook({
      clientConfig: { url: 'https://127.0.0.1:9443/allow' },
    }),
    'a webhook with a service and a URL': hook({
      clientConfig: { url: 'https://x.example.com/', service: { name: 'x', namespace: 'x' } },
    }),
    'a webhook with neither': hook({ clientConfig: {} }),
    'a webhook with side effects': hook({ sideEffects: 'Some' }),
    'a webhook that waits for long': hook({ timeoutSeconds: 31 }),
    'a webhook of an odd policy': hook({ failurePolicy: 'Maybe' }),
    'a webhook with a bad condition': hook({ matchConditions: [{ name: 'x', expression: 'object.' }] }),
    'a webhook with a condition twice': hook({
      matchConditions: [
        { name: 'x', expression: 'true' },
        { name: 'x', expression: 'true' },
      ],
    }),
    'a webhook with an odd scope': hook({
      rules: [
        { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'x' },
      ],
    }),
    'a webhook with an odd operation': hook({
      rules: [{ operations: ['READ'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    }),
    'a webhook of no version that is known': hook({ admissionReviewVersions: ['v9'] }),
  }),
  k('delete -f hooks.yaml', undefined, { normalise: [] }),
])

function hook(more: object): string {
  const webhook = {
    name: 'bad.example.com',
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    clientConfig: { url: 'https://127.0.0.1:9443/allow', caBundle: 'Cg==' },
    ...more,
  }
  return `${JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'bad' },
    webhooks: [webhook],
  })}\n`
}

const pod = (name: string, spec: object) =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } })}\n`
const resources = (requests: object, limits: object = {}) => ({
  containers: [{ name: 'c', image: 'x', resources: { requests, limits } }],
})
const LIMITS = `
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
  - {type: Container, min: {cpu: 50m}, maxLimitRequestRatio: {memory: "2"}}
  - {type: Pod, max: {cpu: "1"}}
  - {type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 2Gi}}
`
const FINE = resources({ cpu: '50m', memory: '1Mi' }, { cpu: '1', memory: '2Mi' })
const claim = (storage: string, more: object = {}) =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'claim' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...more } })}\n`
const used = (name: string, amounts: object) =>
  `patch quota ${name} --subresource=status --type=merge -p '${JSON.stringify({ status: amounts })}'`

const BOUNDS = group('bounds', [
  k(
    'create quota some --hard=configmaps=1,pods=1,requests.cpu=500m,count/deployments.apps=0,services.nodeports=1',
  ),
  k('create configmap before --from-literal=a=b'),
  k(used('some', { hard: { configmaps: '2', pods: '1', 'requests.cpu': '500m' } })),
  k('create configmap unknown --from-literal=a=b'),
  k(used('some', { used: { configmaps: '1', pods: '0', 'requests.cpu': '0' } })),
  k('create configmap second --from-literal=a=b'),
  k('create configmap third --from-literal=a=b'),
  k('create configmap third --from-literal=a=b --dry-run=server'),
  k('create -f -', pod('silent', {}), { name: 'a pod that does not say what a quota limits' }),
  k('create -f -', pod('greedy', resources({ cpu: '600m' })), { name: 'a pod beyond a quota' }),
  k('create -f -', pod('fits', resources({ cpu: '400m' })), { name: 'a pod within a quota' }),
  k('create -f -', pod('more', resources({ cpu: '50m' })), { name: 'a pod too many' }),
  k('get quota some -o jsonpath={.status}'),
  k('describe quota some'),
  k('get quota'),
  k('delete quota some'),
  k('create -f -', pod('deadline', { activeDeadlineSeconds: 9 })),
  k('create quota scoped --hard=pods=0 --scopes=Terminating'),
  k(used('scoped', { hard: { pods: '0' }, used: { pods: '0' } })),
  k('create -f -', pod('short', { activeDeadlineSeconds: 9 }), { name: 'a pod in the scope of a quota' }),
  k('create -f - -o name', pod('long', {}), { name: 'a pod out of the scope of a quota' }),
  k('delete quota scoped'),
  k('apply -f -', LIMITS),
  k('create -f - --dry-run=server -o name', pod('fine', FINE), { name: 'a pod within the limits' }),
  ...each('create -f - --dry-run=server', {
    'a container that asks for too little': pod(
      'bad',
      resources({ cpu: '10m', memory: '1Mi' }, { cpu: '1', memory: '2Mi' }),
    ),
    'limits too far from requests': pod(
      'bad',
      resources({ cpu: '50m', memory: '1Mi' }, { cpu: '1', memory: '3Mi' }),
    ),
    'a pod with too much in all': pod(
      'bad',
      resources({ cpu: '50m', memory: '1Mi' }, { cpu: '2', memory: '2Mi' }),
    ),
    'a pod that says nothing': pod('bad', {}),
    'a claim that is too large': claim('3Gi'),
    'a claim that is too small': claim('1Mi'),
  }),
  k('delete limitrange limits'),
  k('get priorityclasses'),
  k('get priorityclass system-node-critical -o yaml'),
  k('create priorityclass usual --value=100 --global-default --description=usual'),
  k('create priorityclass other --value=5 --global-default'),
  k('create priorityclass high --value=2000000000'),
  k('create priorityclass system-mine --value=5'),
  k(
    'create -f - -o jsonpath={.spec.priority}{.spec.priorityClassName}{.spec.preemptionPolicy}',
    pod('usual', {}),
    {
      name: 'a pod without a class',
    },
  ),
  k(
    'create -f - -o jsonpath={.spec.priority}',
    pod('critical', { priorityClassName: 'system-cluster-critical' }),
    {
      name: 'a pod of a system class',
    },
  ),
  ...each('create -f -', {
    'a pod of no class that is there': pod('odd', { priorityClassName: 'nothing' }),
    'a pod with a priority of its own': pod('odd', { priority: 7 }),
    'a pod with a policy of its own': pod('odd', { preemptionPolicy: 'Never' }),
  }),
  k('delete priorityclass usual'),
  k('create -f - -o jsonpath={.metadata.finalizers}{.spec.storageClassName}', claim('1Gi'), {
    name: 'a claim without a class',
  }),
  k(
    'apply -f -',
    'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}\nprovisioner: example.com/disk\n',
  ),
  k(
    'create -f - --dry-run=server -o jsonpath={.spec.storageClassName}',
    claim('1Gi').replace('"claim"', '"other"'),
    {
      name: 'a claim of the default class',
    },
  ),
  k('delete storageclass fast'),
  k('delete pvc claim --wait=false'),
  k('get pvc claim -o jsonpath={.metadata.finalizers}'),
])

/** Webhooks, quotas, limits, priorities and what claims are given. */
export const ADMISSION: readonly Group[] = [WEBHOOKS, BOUNDS]
