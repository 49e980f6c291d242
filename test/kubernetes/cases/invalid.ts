import { each, group, type Group } from '../table.ts'
import * as m from './manifests.ts'

const container = (more: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: c, image: x, ${more}}]}\n`
const pod = (more: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: c, image: x}], ${more}}\n`
const service = (spec: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: ${spec}\n`
const deployment = (more: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}, ${more}}\n`

/** What the API server must refuse, in its words; nothing is stored. */
export const INVALID: readonly Group[] = [
  group('invalid', [
    ...each('create -f - --dry-run=server', {
      'pod: no containers': 'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {}\n',
      'pod: two containers of a name':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: c, image: x}, {name: c, image: z}]}\n',
      'pod: no image': 'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: c}]}\n',
      'pod: no container name':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{image: x}]}\n',
      'pod: a port too high': container('ports: [{containerPort: 70000}]'),
      'pod: a port of no protocol': container('ports: [{containerPort: 80, protocol: XTP}]'),
      'pod: a port name too long': container('ports: [{containerPort: 80, name: much-too-long-name}]'),
      'pod: ports of one name': container(
        'ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]',
      ),
      'pod: an odd pull policy': container('imagePullPolicy: Sometimes'),
      'pod: a variable without a name': container('env: [{value: x}]'),
      'pod: a bad variable name': container('env: [{name: "a=b"}]'),
      'pod: a variable of two sources': container(
        'env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]',
      ),
      'pod: an unknown field path': container(
        'env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.colour}}}]',
      ),
      'pod: an unmounted volume': container('volumeMounts: [{name: nothing, mountPath: /x}]'),
      'pod: a mount without a path': container('volumeMounts: [{name: nothing}]'),
      'pod: request above limit': container('resources: {requests: {cpu: "2"}, limits: {cpu: "1"}}'),
      'pod: a bad quantity': container('resources: {requests: {cpu: much}}'),
      'pod: a negative quantity': container('resources: {requests: {cpu: "-1"}}'),
      'pod: an odd resource': container('resources: {requests: {colour: "1"}}'),
      'pod: a probe without a handler': container('livenessProbe: {periodSeconds: 1}'),
      'pod: a probe with two': container('livenessProbe: {exec: {command: [x]}, tcpSocket: {port: 1}}'),
      'pod: a probe with a bad port': container('livenessProbe: {httpGet: {port: 0}}'),
      'pod: a negative delay': container('livenessProbe: {exec: {command: [x]}, initialDelaySeconds: -1}'),
      'pod: liveness success 2': container('livenessProbe: {exec: {command: [x]}, successThreshold: 2}'),
      'pod: an odd restart policy': pod('restartPolicy: Perhaps'),
      'pod: an odd DNS policy': pod('dnsPolicy: Perhaps'),
      'pod: a bad host name': pod('hostname: A_B'),
      'pod: a negative grace period': pod('terminationGracePeriodSeconds: -1'),
      'pod: a volume without a source': pod('volumes: [{name: v}]'),
      'pod: two volumes of a name': pod('volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]'),
      'pod: a volume of two sources': pod('volumes: [{name: v, emptyDir: {}, configMap: {name: x}}]'),
      'pod: a volume with a bad name': pod('volumes: [{name: V_, emptyDir: {}}]'),
      'pod: a host path missing': pod('volumes: [{name: v, hostPath: {path: ""}}]'),
      'pod: a bad mode': pod('volumes: [{name: v, configMap: {name: x, defaultMode: 9999}}]'),
      'pod: a bad toleration': pod('tolerations: [{operator: Maybe}]'),
      'pod: a bad affinity': pod(
        'affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}',
      ),
      'pod: init with a lifecycle': pod(
        'initContainers: [{name: i, image: x, readinessProbe: {exec: {command: [x]}}}]',
      ),
      'pod: a user below nought': pod('securityContext: {runAsUser: -1}'),
      'pod: a deadline of nought': pod('activeDeadlineSeconds: 0'),
      'pod: a bad label':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: bad, labels: {"a b": "c d"}}\nspec: {containers: [{name: c, image: x}]}\n',
      'pod: a bad annotation':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: bad, annotations: {"a b": "c d"}}\nspec: {containers: [{name: c, image: x}]}\n',
      'pod: a bad name':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_}\nspec: {containers: [{name: c, image: x}]}\n',
      'pod: a mirror of many mistakes':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {restartPolicy: X, dnsPolicy: Why, containers: [{name: C_, imagePullPolicy: Z, ports: [{containerPort: 0}]}]}\n',
      'deployment: no selector':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n',
      'deployment: an empty selector':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec: {selector: {}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n',
      'deployment: other labels':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: x}]}}}\n',
      'deployment: nothing at all': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\n',
      'deployment: negative replicas': deployment('replicas: -1'),
      'deployment: an odd strategy': deployment('strategy: {type: Quick}'),
      'deployment: recreate with settings': deployment(
        'strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}',
      ),
      'deployment: neither surge nor absence': deployment(
        'strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}',
      ),
      'deployment: a bad percentage': deployment('strategy: {rollingUpdate: {maxUnavailable: 200%}}'),
      'deployment: a deadline too short': deployment('progressDeadlineSeconds: 5, minReadySeconds: 10'),
      'deployment: negative history': deployment('revisionHistoryLimit: -1'),
      'deployment: never restarts': m.DEPLOYMENT.replace(
        'spec:\n      containers',
        'spec:\n      restartPolicy: Never\n      containers',
      ),
      'statefulset: an odd policy': m.STATEFUL_SET.replace(
        'serviceName: db',
        'serviceName: db\n  podManagementPolicy: Odd',
      ),
      'statefulset: other labels': m.STATEFUL_SET.replace(
        'labels: {app: db}}\n    spec',
        'labels: {app: x}}\n    spec',
      ),
      'daemonset: an odd strategy': m.DAEMON_SET.replace(
        'selector:',
        'updateStrategy: {type: Odd}\n  selector:',
      ),
      'service: no ports': service('{selector: {a: b}}'),
      'service: headless without ports': service('{clusterIP: None, selector: {a: b}}'),
      'service: a port too high': service('{ports: [{port: 70000}]}'),
      'service: a port of nought': service('{ports: [{port: 0}]}'),
      'service: ports without names': service('{ports: [{port: 1}, {port: 2}]}'),
      'service: ports of one name': service('{ports: [{port: 1, name: a}, {port: 2, name: a}]}'),
      'service: ports alike': service('{ports: [{port: 1, name: a}, {port: 1, name: b}]}'),
      'service: a bad port name': service('{ports: [{port: 1, name: A_}]}'),
      'service: a bad target': service('{ports: [{port: 1, targetPort: A_B}]}'),
      'service: a target too high': service('{ports: [{port: 1, targetPort: 70000}]}'),
      'service: an odd protocol': service('{ports: [{port: 1, protocol: XTP}]}'),
      'service: an odd type': service('{type: Odd, ports: [{port: 1}]}'),
      'service: an odd affinity': service('{sessionAffinity: Odd, ports: [{port: 1}]}'),
      'service: a node port out of range': service('{type: NodePort, ports: [{port: 1, nodePort: 80}]}'),
      'service: a node port without the type': service(
        '{type: ClusterIP, ports: [{port: 1, nodePort: 30001}]}',
      ),
      'service: no external name': service('{type: ExternalName}'),
      'service: an address that is none': service('{clusterIP: x, ports: [{port: 1}]}'),
      'service: an external address that is none': service('{externalIPs: [x], ports: [{port: 1}]}'),
      'service: a bad selector': service('{selector: {"a b": c}, ports: [{port: 1}]}'),
      'service: an odd traffic policy': service(
        '{type: LoadBalancer, externalTrafficPolicy: Odd, ports: [{port: 1}]}',
      ),
      'service: a traffic policy without the type': service(
        '{externalTrafficPolicy: Local, ports: [{port: 1}]}',
      ),
      'service: an odd family': service('{ipFamilies: [IPv5], ports: [{port: 1}]}'),
      'configmap: a bad key': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {"a b": c}\n',
      'configmap: a key twice':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {a: c}\nbinaryData: {a: YQ==}\n',
      'configmap: no base64':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\nbinaryData: {a: "?"}\n',
      'secret: no base64': 'apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ndata: {a: "?"}\n',
      'secret: TLS without a key':
        'apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: kubernetes.io/tls\ndata: {tls.crt: YQ==}\n',
      'secret: docker without a file':
        'apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: kubernetes.io/dockerconfigjson\ndata: {}\n',
      'secret: a token without an account':
        'apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: kubernetes.io/service-account-token\n',
      'job: always restarts': m.JOB.replace('Never', 'Always'),
      'job: negative': m.JOB.replace(
        'backoffLimit: 2',
        'backoffLimit: -2\n  parallelism: -1\n  completions: -1',
      ),
      'job: a selector of its own': m.JOB.replace('backoffLimit: 2', 'selector: {matchLabels: {a: b}}'),
      'cronjob: an odd policy': m.CRON_JOB.replace(
        'schedule: "0 3 * * *"',
        'schedule: "0 3 * * *"\n  concurrencyPolicy: Odd',
      ),
      'cronjob: an odd zone': m.CRON_JOB.replace(
        'schedule: "0 3 * * *"',
        'schedule: "0 3 * * *"\n  timeZone: Mars/North',
      ),
      'cronjob: no schedule': m.CRON_JOB.replace('schedule: "0 3 * * *"', 'schedule: ""'),
      'cronjob: a long name': m.CRON_JOB.replace('nightly', 'n'.repeat(53)),
      'ingress: no path type': m.INGRESS.replace(', pathType: Prefix', ''),
      'ingress: an odd path type': m.INGRESS.replace('pathType: Prefix', 'pathType: Odd'),
      'ingress: a relative path': m.INGRESS.replace('path: /', 'path: x'),
      'ingress: no backend': m.INGRESS.replace(
        'backend: {service: {name: web, port: {number: 80}}}',
        'backend: {}',
      ),
      'ingress: an address as host': m.INGRESS.replace('- host: web.example.com', '- host: 1.2.3.4'),
      'ingress: nothing':
        'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: bad}\nspec: {}\n',
      'networkpolicy: an odd type': m.NETWORK_POLICY.replace(
        'podSelector:',
        'policyTypes: [Odd], podSelector:',
      ),
      'networkpolicy: a bad block': m.NETWORK_POLICY.replace('{podSelector: {}}', '{ipBlock: {cidr: x}}'),
      'hpa: nothing to scale': m.AUTOSCALER.replace(
        /scaleTargetRef: .*/,
        'scaleTargetRef: {kind: "", name: ""}',
      ),
      'hpa: a maximum of nought': m.AUTOSCALER.replace('maxReplicas: 5', 'maxReplicas: 0'),
      'hpa: a minimum above': m.AUTOSCALER.replace('maxReplicas: 5', 'maxReplicas: 5\n  minReplicas: 6'),
      'pdb: both':
        'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: bad}\nspec: {minAvailable: 1, maxUnavailable: 1, selector: {}}\n',
      'pvc: no access mode': m.CLAIM.replace('accessModes: [ReadWriteOnce], ', ''),
      'pvc: no storage': m.CLAIM.replace('storage: 1Gi', ''),
      'pvc: an odd access mode': m.CLAIM.replace('ReadWriteOnce', 'Odd'),
      'endpointslice: an odd type': m.ENDPOINT_SLICE.replace('addressType: IPv4', 'addressType: IPv5'),
      'endpointslice: a bad address': m.ENDPOINT_SLICE.replace('10.1.2.3', 'x'),
      'endpoints: a bad address': m.ENDPOINTS.replace('10.1.2.3', 'x'),
      'lease: a negative duration': m.LEASE.replace('15', '-1'),
      'limitrange: default above max': m.LIMIT_RANGE.replace('default: {cpu: 500m}', 'default: {cpu: "5"}'),
      'quota: a negative one':
        'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: bad}\nspec: {hard: {pods: "-1"}}\n',
      'namespace: with a dot': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}\n',
      'serviceaccount: a bad name': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: A}\n',
      'node: a bad taint': m.NODE.replace('worker', 'bad').replace(
        'spec: {',
        'spec: {taints: [{key: "a b", effect: Odd}], ',
      ),
      'storageclass: no provisioner': m.STORAGE_CLASS.replace(
        'provisioner: example.com/disk',
        'provisioner: ""',
      ),
      'event: in another namespace': m.EVENT.replace('namespace: "{ns}"', 'namespace: elsewhere'),
      'a name too long': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${'x'.repeat(254)}}\n`,
      'too much data': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: ${'x'.repeat(1_100_000)}}\n`,
      'too many annotations': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big, annotations: {a: ${'x'.repeat(270_000)}}}\n`,
      'a label too long': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, labels: {a: ${'x'.repeat(64)}}}\n`,
      'an owner of no kind':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, ownerReferences: [{apiVersion: v1, name: x, uid: w}]}\n',
      'two controllers':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, ownerReferences: [{apiVersion: v1, kind: A, name: x, uid: w, controller: true}, {apiVersion: v1, kind: A, name: z, uid: z, controller: true}]}\n',
    }),
  ]),
]
