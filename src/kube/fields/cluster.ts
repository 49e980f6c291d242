/** The messages of meta/v1 and of the groups that describe a cluster's parts, in the notation of `parse.ts`. */
export const META_V1 = `
Condition type:1! status:2!|True|False|Unknown observedGeneration:3l lastTransitionTime:4t! reason:5!
  message:6!
CreateOptions dryRun:1[] fieldManager:3 fieldValidation:4
DeleteOptions gracePeriodSeconds:1l? preconditions:2Preconditions orphanDependents:3b? propagationPolicy:4?
  dryRun:5[] ignoreStoreReadErrorWithClusterBreakingPotential:6b?
FieldSelectorRequirement key:1! operator:2! values:3[]
LabelSelector matchLabels:1{} matchExpressions:2[LabelSelectorRequirement]
LabelSelectorRequirement key:1! operator:2!|In|NotIn|Exists|DoesNotExist values:3[]
ListMeta selfLink:1 resourceVersion:2 continue:3 remainingItemCount:4l? shardInfo:5ShardInfo
ManagedFieldsEntry manager:1 operation:2 apiVersion:3 time:4t? fieldsType:6 fieldsV1:7f subresource:8
ObjectMeta name:1 generateName:2 namespace:3 selfLink:4 uid:5 resourceVersion:6 generation:7l
  creationTimestamp:8t deletionTimestamp:9t? deletionGracePeriodSeconds:10l? labels:11{} annotations:12{}
  ownerReferences:13[OwnerReference]~uid=uid finalizers:14[]~=set managedFields:17[ManagedFieldsEntry]
OwnerReference apiVersion:5! kind:1! name:3! uid:4! controller:6b? blockOwnerDeletion:7b?
PatchOptions dryRun:1[] force:2b? fieldManager:3 fieldValidation:4
Preconditions uid:1? resourceVersion:2?
ShardInfo selector:1!
Status metadata:1ListMeta status:2 message:3 reason:4 details:5StatusDetails code:6i
StatusCause reason:1 message:2 field:3
StatusDetails name:1 group:2 kind:3 uid:6 causes:4[StatusCause] retryAfterSeconds:5i
UpdateOptions dryRun:1[] fieldManager:2 fieldValidation:3
`

export const COORDINATION_V1 = `
Lease metadata:1meta/v1.ObjectMeta spec:2LeaseSpec
LeaseSpec holderIdentity:1? leaseDurationSeconds:2i? acquireTime:3u? renewTime:4u? leaseTransitions:5i?
  strategy:6? preferredHolder:7?
`

export const DISCOVERY_V1 = `
Endpoint addresses:1[]!=set conditions:2EndpointConditions hostname:3? targetRef:4core/v1.ObjectReference
  deprecatedTopology:5{} nodeName:6? zone:7? hints:8EndpointHints
EndpointConditions ready:1b? serving:2b? terminating:3b?
EndpointHints forZones:1[ForZone] forNodes:2[ForNode]
EndpointPort name:1? protocol:2?|TCP|UDP|SCTP port:3i? appProtocol:4?
EndpointSlice metadata:1meta/v1.ObjectMeta addressType:4! endpoints:2[Endpoint] ports:3[EndpointPort]
ForNode name:1!
ForZone name:1!
`

export const EVENTS_V1 = `
Event metadata:1meta/v1.ObjectMeta eventTime:2u! series:3EventSeries reportingController:4
  reportingInstance:5 action:6 reason:7 regarding:8core/v1.ObjectReference related:9core/v1.ObjectReference
  note:10 type:11 deprecatedSource:12core/v1.EventSource deprecatedFirstTimestamp:13t
  deprecatedLastTimestamp:14t deprecatedCount:15i
EventSeries count:1i! lastObservedTime:2u!
`

export const NETWORKING_V1 = `
HTTPIngressPath path:1 pathType:3? backend:2IngressBackend!
HTTPIngressRuleValue paths:1[HTTPIngressPath]!
IPBlock cidr:1! except:2[]
Ingress metadata:1meta/v1.ObjectMeta spec:2IngressSpec status:3IngressStatus
IngressBackend service:4IngressServiceBackend resource:3core/v1.TypedLocalObjectReference
IngressClass metadata:1meta/v1.ObjectMeta spec:2IngressClassSpec
IngressClassParametersReference apiGroup:1? kind:2! name:3! scope:4? namespace:5?
IngressClassSpec controller:1 parameters:2IngressClassParametersReference
IngressLoadBalancerIngress ip:1 hostname:2 ports:4[IngressPortStatus]
IngressLoadBalancerStatus ingress:1[IngressLoadBalancerIngress]
IngressPortStatus port:1i! protocol:2!|TCP|UDP|SCTP error:3?
IngressRule host:1 ingressRuleValue:2*IngressRuleValue
IngressRuleValue http:1HTTPIngressRuleValue
IngressServiceBackend name:1! port:2ServiceBackendPort
IngressSpec ingressClassName:4? defaultBackend:1IngressBackend tls:2[IngressTLS] rules:3[IngressRule]
IngressStatus loadBalancer:1IngressLoadBalancerStatus
IngressTLS hosts:1[] secretName:2
NetworkPolicy metadata:1meta/v1.ObjectMeta spec:2NetworkPolicySpec
NetworkPolicyEgressRule ports:1[NetworkPolicyPort] to:2[NetworkPolicyPeer]
NetworkPolicyIngressRule ports:1[NetworkPolicyPort] from:2[NetworkPolicyPeer]
NetworkPolicyPeer podSelector:1meta/v1.LabelSelector namespaceSelector:2meta/v1.LabelSelector
  ipBlock:3IPBlock
NetworkPolicyPort protocol:1?|TCP|UDP|SCTP port:2o? endPort:3i?
NetworkPolicySpec podSelector:1meta/v1.LabelSelector ingress:2[NetworkPolicyIngressRule]
  egress:3[NetworkPolicyEgressRule] policyTypes:4[]|Ingress|Egress
ServiceBackendPort name:1 number:2i
`

export const NODE_V1 = `
Overhead podFixed:1{q}
RuntimeClass metadata:1meta/v1.ObjectMeta handler:2! overhead:3Overhead scheduling:4Scheduling
Scheduling nodeSelector:1{} tolerations:2[core/v1.Toleration]
`

export const SCHEDULING_V1 = `
PriorityClass metadata:1meta/v1.ObjectMeta value:2i globalDefault:3b description:4
  preemptionPolicy:5(PreemptLowerPriority)|PreemptLowerPriority|Never
`

export const STORAGE_V1 = `
CSIDriver metadata:1meta/v1.ObjectMeta spec:2CSIDriverSpec!
CSIDriverSpec attachRequired:1b? podInfoOnMount:2b? volumeLifecycleModes:3[]=set storageCapacity:4b?
  fsGroupPolicy:5? tokenRequests:6[TokenRequest] requiresRepublish:7b? seLinuxMount:8b?
  nodeAllocatableUpdatePeriodSeconds:9l? serviceAccountTokenInSecrets:10b?
  preventPodSchedulingIfMissing:11b?
CSINode metadata:1meta/v1.ObjectMeta spec:2CSINodeSpec! status:3CSINodeStatus
CSINodeDriver name:1! nodeID:2! topologyKeys:3[] allocatable:4VolumeNodeResources
CSINodeSpec drivers:1[CSINodeDriver]!~name=name
CSINodeStatus storageHealth:1[StorageHealth]~name=name
StorageClass metadata:1meta/v1.ObjectMeta provisioner:2! parameters:3{}
  reclaimPolicy:4?|Recycle|Delete|Retain mountOptions:5[] allowVolumeExpansion:6b?
  volumeBindingMode:7?|Immediate|WaitForFirstConsumer allowedTopologies:8[core/v1.TopologySelectorTerm]
StorageHealth name:1! healthConditions:2[StorageHealthCondition]
StorageHealthCondition status:1!|StorageUnreachable|StorageDegraded reason:2! message:3
  accessMode:4?|ReadWriteOnce|ReadOnlyMany|ReadWriteMany|ReadWriteOncePod volumeMode:5?|Block|Filesystem
  lastTransitionTime:6t
TokenRequest audience:1! expirationSeconds:2l?
VolumeAttachment metadata:1meta/v1.ObjectMeta spec:2VolumeAttachmentSpec! status:3VolumeAttachmentStatus
VolumeAttachmentSource persistentVolumeName:1? inlineVolumeSpec:2core/v1.PersistentVolumeSpec
VolumeAttachmentSpec attacher:1! source:2VolumeAttachmentSource! nodeName:3!
VolumeAttachmentStatus attached:1b! attachmentMetadata:2{} attachError:3VolumeError detachError:4VolumeError
VolumeError time:1t message:2 errorCode:3i?
VolumeNodeResources count:1i?
`
