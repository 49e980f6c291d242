/** Why answers may differ, and which. A difference that is not here fails, and so does a case here that is equal. */
export const KNOWN_DIFFERENCES: readonly { readonly reason: string; readonly cases: readonly string[] }[] = [
  {
    reason: 'who proves no identity gets 401, with Kubernetes’ default settings 403',
    cases: ['requests: anonymous', 'requests: a password'],
  },
  {
    reason: 'a time that is not known is left out, in Kubernetes it is null',
    cases: [
      'requests: get pod one -o jsonpath={.spec.nodeName}{.status.conditions}',
      'states: get events.events.k8s.io one.1 -o yaml',
    ],
  },
  {
    reason:
      'refused by both, in other words or with another set of causes, or with a whole value in the words of Go',
    cases: [
      'webhooks: a mutating webhook: bad-patch',
      'webhooks: a mutating webhook: no-json',
      'webhooks: a validating webhook: no-json',
      'webhooks: apply -f - --dry-run=server: a webhook with a bad condition',
      'replace: replace another uid',
      'immutable: patch pod one --type=merge -p \'{"metadata":{"uid":"x"}}\'',
      'replace: replace a pod’s command',
      'replace: replace a pod’s image',
      'resize: patch pod sized -p \'{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"150m"}}}]}}\'',
      'admission: apply -f -: a policy with a bad expression',
      'custom-resources: apply -f - --dry-run=server: a definition without storage',
      'definitions: create -f - --dry-run=server: versions of one name',
      'custom-resources: patch widget w --subresource=status --type=merge -p \'{"status":{"size":"five"}}\'',
      'definitions: patch parcel empty --subresource=status --type=merge -p \'{"status":{"sent":"now","count":"x"}}\'',
    ],
  },
  {
    reason: 'Kubernetes warns of a definition that has a set of objects',
    cases: ['definitions: create -f -'],
  },
  {
    reason:
      'a token of a list that holds no text is named by another byte; a watch from a version that is yet to come is refused at once, in Kubernetes after three seconds',
    cases: [
      'lists: GET /api/v1/namespaces/{ns}/configmaps?continue=nonsense',
      'lists: GET /api/v1/namespaces/{ns}/configmaps?watch=1&timeoutSeconds=1&resourceVersion=999999999',
    ],
  },
  {
    reason: 'the order of members, of kinds, of causes and of conflicts, where Kubernetes promises none',
    cases: [
      'server-side-apply: get configmap settings -o yaml --show-managed-fields',
      'kinds: get all',
      'custom-resources: apply -f -: many mistakes',
      'patch: patch deployment web --type=merge -p \'{"spec":{"replicas":"many"}}\'',
      'access: auth can-i --list',
      'custom-resources: apply --server-side --field-manager=other -f - (2)',
    ],
  },
  {
    reason:
      'the set of kinds, their subresources and order in discovery: those of features that one machine has no use for are missing, metrics are served here',
    cases: [
      'discovery: api-versions',
      'discovery: api-resources --no-headers',
      'discovery: api-resources -o wide --no-headers',
      'discovery: api-resources -o name',
      'discovery: GET /api/v1',
      'discovery: GET /apis/admissionregistration.k8s.io/v1',
      'discovery: GET /apis/apiregistration.k8s.io/v1',
      'discovery: GET /apis/apps/v1',
      'discovery: GET /apis/authentication.k8s.io/v1',
      'discovery: GET /apis/authorization.k8s.io/v1',
      'discovery: GET /apis/batch/v1',
      'discovery: GET /apis/certificates.k8s.io/v1',
      'discovery: GET /apis/networking.k8s.io/v1',
      'discovery: GET /apis/rbac.authorization.k8s.io/v1',
      'discovery: GET /apis/storage.k8s.io/v1',
      'discovery: GET /apis/flowcontrol.apiserver.k8s.io/v1',
      'discovery: GET /apis/resource.k8s.io/v1',
    ],
  },
  {
    reason: 'who made the server, its address and its key are its own',
    cases: ['discovery: GET /version', 'discovery: GET /.well-known/openid-configuration'],
  },
  {
    reason: 'a Scale has no columns of its own',
    cases: ['scale: get deployment web --subresource=scale'],
  },
  {
    reason: 'descriptions are ours or absent, required marks of some built-in fields are missing',
    cases: [
      'explain: explain job.spec',
      'explain: explain statefulset.spec',
      'explain: explain deployment --api-version=apps/v1',
      'explain: explain hpa --api-version=autoscaling/v1',
      'explain: explain deployment.spec --recursive',
      'custom-resources: explain widget',
      'custom-resources: explain widget --api-version=example.com/v1beta1',
    ],
  },
  {
    reason:
      'roles of components that do not exist here are left out; aggregated roles are filled by the server itself, in Kubernetes by a controller; no ComponentStatus, no APIService',
    cases: [
      'get: get clusterrole view -o yaml',
      'get: get clusterrole edit -o yaml',
      'get: get clusterroles -o name',
      'get: get clusterrolebindings -o name',
      'get: get roles -A -o name',
      'get: get componentstatuses',
      'get: get apiservices -o name',
      'access: auth can-i --list --as=system:serviceaccount:{ns}:robot',
    ],
  },
  {
    reason:
      'kube-apiserver taints a new node until a controller has seen it ready; nodes of one machine have no such controller',
    cases: [
      'scale: get node worker -o yaml',
      'kinds: get node/worker-of-table -o yaml',
      'kinds: describe node/worker-of-table',
    ],
  },
  {
    reason: 'the version of the reference (1.37) is newer than the one that ours follows (1.35)',
    cases: [
      'create: create service clusterip 1bad --tcp=80',
      'definitions: wait a moment',
      'discovery: version',
      'kinds: get serviceaccount/default',
      'kinds: get serviceaccount/default -o wide',
      'custom-resources: get crd widgets.example.com',
      'invalid: create -f - --dry-run=server: service: a node port out of range',
    ],
  },
  {
    reason: 'Pod Security admission is not there: pods have no isolation that it could keep',
    cases: [
      'admission: run plain --image=x -n admission-restricted',
      'admission: run plain --image=x -n admission-baseline',
      'admission: run root --image=x --privileged -n admission-baseline',
      'admission: apply -n admission-baseline -f -',
    ],
  },
  {
    reason:
      'columns of tables have no descriptions here, and their types and sizes differ where nobody looks',
    cases: [
      'requests: accept a table',
      'requests: a table without objects',
      'lists: watch as tables',
      'requests: accept a table of a list',
      'requests: a table with objects',
    ],
  },
  {
    reason: 'Kubernetes writes into managedFields what a resize does not take; here nothing changes',
    cases: [
      'resize: patch pod sized --subresource=resize -p \'{"spec":{"containers":[{"name":"c","image":"y"}]}}\'',
      'resize: patch pod sized --subresource=resize -p \'{"spec":{"containers":[]},"metadata":{"labels":{"a":"b"}}}\'',
    ],
  },
]
