/** Objects that several groups start from. Names without a namespace land in the group's own. */

export const CONFIG_MAP = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web, tier: back}, annotations: {note: first}}
data: {color: red, size: "10"}
`

export const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        ports: [{containerPort: 80, name: http}]
        env: [{name: COLOR, value: red}]
        resources: {requests: {cpu: 100m}, limits: {memory: 64Mi}}
        livenessProbe: {httpGet: {path: /, port: http}}
`

export const STATEFUL_SET = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: redis}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

export const DAEMON_SET = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}], nodeSelector: {disk: ssd}}
`

export const REPLICA_SET = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: rs, labels: {app: rs}}
spec:
  replicas: 1
  selector: {matchLabels: {app: rs}}
  template:
    metadata: {labels: {app: rs}}
    spec: {containers: [{name: c, image: alpine}]}
`

export const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: admin, port: 9000}]
`

export const POD = `
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec:
  containers:
  - {name: main, image: "busybox:1.36", command: [sleep, "10"], resources: {requests: {cpu: 10m, memory: 16Mi}}}
  - {name: side, image: alpine, readinessProbe: {exec: {command: ["true"]}}}
  initContainers: [{name: first, image: alpine}]
  volumes: [{name: empty, emptyDir: {}}, {name: map, configMap: {name: settings}}]
`

export const JOB = `
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  backoffLimit: 2
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: alpine, command: ["true"]}]}}
`

export const CRON_JOB = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: alpine}]}}}}
`

export const INGRESS = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: istio
  tls: [{hosts: [web.example.com], secretName: tls}]
  rules:
  - host: web.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
`

export const NETWORK_POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-web}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]}
`

export const AUTOSCALER = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
`

export const CLAIM = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

export const ENDPOINT_SLICE = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: ["10.1.2.3"], conditions: {ready: true}}]
`

export const ENDPOINTS = `
apiVersion: v1
kind: Endpoints
metadata: {name: other}
subsets: [{addresses: [{ip: "10.1.2.3"}], ports: [{name: http, port: 80}]}]
`

export const LEASE = `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: leader}
spec: {holderIdentity: me, leaseDurationSeconds: 15}
`

export const NODE = `
apiVersion: v1
kind: Node
metadata: {name: worker, labels: {kubernetes.io/hostname: worker}}
spec: {podCIDR: 10.42.1.0/24}
`

export const EVENT = `
apiVersion: v1
kind: Event
metadata: {name: one.1}
involvedObject: {apiVersion: v1, kind: Pod, name: one, namespace: "{ns}"}
reason: Tested
message: said by the table
type: Normal
count: 3
source: {component: table}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:01:00Z"
`

export const LIMIT_RANGE = `
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, default: {cpu: 500m}, defaultRequest: {cpu: 100m}, max: {cpu: "1"}}]}
`

export const STORAGE_CLASS = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: example.com/disk
`

export const POLICY = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-blue.example.com}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('color' in object.data) || object.data.color != 'blue'", message: blue is not allowed}]
`

export const POLICY_BINDING = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-blue.example.com}
spec:
  policyName: no-blue.example.com
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "{ns}"}}}
`

export const WIDGET_CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size, labelSelectorPath: .status.selector}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Color, type: string, jsonPath: .spec.color, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    selectableFields: [{jsonPath: .spec.color}]
    schema:
      openAPIV3Schema:
        type: object
        description: A thing with a size.
        required: [spec]
        properties:
          spec:
            type: object
            description: What is wished for.
            required: [size]
            x-kubernetes-validations:
            - {rule: self.size <= self.max, message: size must not exceed max}
            - {rule: self.color == oldSelf.color, message: color is immutable, fieldPath: .color}
            properties:
              size: {type: integer, minimum: 0, maximum: 100}
              max: {type: integer, default: 10}
              color: {type: string, default: red, enum: [red, blue]}
              name: {type: string, pattern: "^[a-z]+$", maxLength: 5, minLength: 2}
              at: {type: string, format: date-time}
              parts:
                type: array
                maxItems: 3
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer, default: 1}}}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              either: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              byName: {type: object, additionalProperties: {type: integer}}
              maybe: {type: string, nullable: true}
          status: {type: object, properties: {size: {type: integer}, selector: {type: string}, phase: {type: string}}}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    deprecationWarning: use v1 of widgets
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`
export const WIDGET = `
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec: {size: 3, parts: [{name: a}], tags: [p, q]}
`
