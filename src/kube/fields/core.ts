/** The messages of core/v1, in the notation of `parse.ts`. */
export const CORE_V1 = `
AWSElasticBlockStoreVolumeSource volumeID:1! fsType:2 partition:3i readOnly:4b
Affinity nodeAffinity:1NodeAffinity podAffinity:2PodAffinity podAntiAffinity:3PodAntiAffinity
AppArmorProfile type:1!|Localhost|RuntimeDefault|Unconfined localhostProfile:2?
AttachedVolume name:1! devicePath:2!
AzureDiskVolumeSource diskName:1! diskURI:2! cachingMode:3? fsType:4?(ext4) readOnly:5b?(false) kind:6?
AzureFilePersistentVolumeSource secretName:1! shareName:2! readOnly:3b secretNamespace:4?
AzureFileVolumeSource secretName:1! shareName:2! readOnly:3b
Binding metadata:1meta/v1.ObjectMeta target:2ObjectReference!
CSIPersistentVolumeSource driver:1! volumeHandle:2! readOnly:3b fsType:4 volumeAttributes:5{}
  controllerPublishSecretRef:6SecretReference nodeStageSecretRef:7SecretReference
  nodePublishSecretRef:8SecretReference controllerExpandSecretRef:9SecretReference
  nodeExpandSecretRef:10SecretReference
CSIVolumeSource driver:1! readOnly:2b? fsType:3? volumeAttributes:4{}
  nodePublishSecretRef:5LocalObjectReference
Capabilities add:1[] drop:2[]
CephFSPersistentVolumeSource monitors:1[]! path:2 user:3 secretFile:4 secretRef:5SecretReference readOnly:6b
CephFSVolumeSource monitors:1[]! path:2 user:3 secretFile:4 secretRef:5LocalObjectReference readOnly:6b
CinderPersistentVolumeSource volumeID:1! fsType:2 readOnly:3b secretRef:4SecretReference
CinderVolumeSource volumeID:1! fsType:2 readOnly:3b secretRef:4LocalObjectReference
ClientIPConfig timeoutSeconds:1i?
ClusterTrustBundleProjection name:1? signerName:2? labelSelector:3meta/v1.LabelSelector optional:5b? path:4!
  user:6l?
ComponentCondition type:1! status:2!|True|False|Unknown message:3 error:4
ComponentStatus metadata:1meta/v1.ObjectMeta conditions:2[ComponentCondition]~type=type
ConfigMap metadata:1meta/v1.ObjectMeta immutable:4b? data:2{} binaryData:3{y}
ConfigMapEnvSource localObjectReference:1*LocalObjectReference optional:2b?
ConfigMapKeySelector localObjectReference:1*LocalObjectReference key:2! optional:3b?
ConfigMapNodeConfigSource namespace:1! name:2! uid:3 resourceVersion:4 kubeletConfigKey:5!
ConfigMapProjection localObjectReference:1*LocalObjectReference items:2[KeyToPath] optional:4b?
ConfigMapVolumeSource localObjectReference:1*LocalObjectReference items:2[KeyToPath] defaultMode:3i?
  optional:4b? defaultUser:5l?
Container name:1! image:2 command:3[] args:4[] workingDir:5
  ports:6[ContainerPort]~containerPort=containerPort,protocol envFrom:19[EnvFromSource]
  env:7[EnvVar]~name=name resources:8ResourceRequirements resizePolicy:23[ContainerResizePolicy]
  restartPolicy:24? restartPolicyRules:25[ContainerRestartRule]
  volumeMounts:9[VolumeMount]~mountPath=mountPath volumeDevices:21[VolumeDevice]~devicePath=devicePath
  livenessProbe:10Probe readinessProbe:11Probe startupProbe:22Probe lifecycle:12Lifecycle
  terminationMessagePath:13 terminationMessagePolicy:20|File|FallbackToLogsOnError
  imagePullPolicy:14|Always|IfNotPresent|Never securityContext:15SecurityContext stdin:16b stdinOnce:17b
  tty:18b
ContainerExtendedResourceRequest containerName:1! resourceName:2! requestName:3!
ContainerImage names:1[] sizeBytes:2l
ContainerPort name:1 hostPort:2i containerPort:3i! protocol:4(TCP)|SCTP|TCP|UDP hostIP:5
ContainerResizePolicy resourceName:1! restartPolicy:2!
ContainerRestartRule action:1 exitCodes:2ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator:1 values:2[i]=set
ContainerState waiting:1ContainerStateWaiting running:2ContainerStateRunning
  terminated:3ContainerStateTerminated
ContainerStateRunning startedAt:1t
ContainerStateTerminated exitCode:1i! signal:2i reason:3 message:4 startedAt:5t finishedAt:6t containerID:7
ContainerStateWaiting reason:1 message:2
ContainerStatus name:1! state:2ContainerState lastState:3ContainerState ready:4b! restartCount:5i! image:6!
  imageID:7! containerID:8 started:9b? allocatedResources:10{q} resources:11ResourceRequirements
  volumeMounts:12[VolumeMountStatus]~mountPath=mountPath user:13ContainerUser
  allocatedResourcesStatus:14[ResourceStatus]~name=name stopSignal:15?
ContainerUser linux:1LinuxContainerUser
DaemonEndpoint Port:1i!
DownwardAPIProjection items:1[DownwardAPIVolumeFile]
DownwardAPIVolumeFile path:1! fieldRef:2ObjectFieldSelector resourceFieldRef:3ResourceFieldSelector mode:4i?
  user:5l?
DownwardAPIVolumeSource items:1[DownwardAPIVolumeFile] defaultMode:2i? defaultUser:3l?
EmptyDirVolumeSource medium:1 sizeLimit:2q? mode:3i?
EndpointAddress ip:1! hostname:3 nodeName:4? targetRef:2ObjectReference
EndpointPort name:1 port:2i! protocol:3|SCTP|TCP|UDP appProtocol:4?
EndpointSubset addresses:1[EndpointAddress] notReadyAddresses:2[EndpointAddress] ports:3[EndpointPort]
Endpoints metadata:1meta/v1.ObjectMeta subsets:2[EndpointSubset]
EnvFromSource prefix:1 configMapRef:2ConfigMapEnvSource secretRef:3SecretEnvSource
EnvVar name:1! value:2 valueFrom:3EnvVarSource
EnvVarSource fieldRef:1ObjectFieldSelector resourceFieldRef:2ResourceFieldSelector
  configMapKeyRef:3ConfigMapKeySelector secretKeyRef:4SecretKeySelector fileKeyRef:5FileKeySelector
EphemeralContainer EphemeralContainerCommon:1*EphemeralContainerCommon targetContainerName:2
EphemeralContainerCommon name:1! image:2 command:3[] args:4[] workingDir:5
  ports:6[ContainerPort]~containerPort=containerPort,protocol envFrom:19[EnvFromSource]
  env:7[EnvVar]~name=name resources:8ResourceRequirements resizePolicy:23[ContainerResizePolicy]
  restartPolicy:24? restartPolicyRules:25[ContainerRestartRule]
  volumeMounts:9[VolumeMount]~mountPath=mountPath volumeDevices:21[VolumeDevice]~devicePath=devicePath
  livenessProbe:10Probe readinessProbe:11Probe startupProbe:22Probe lifecycle:12Lifecycle
  terminationMessagePath:13 terminationMessagePolicy:20|File|FallbackToLogsOnError
  imagePullPolicy:14|Always|IfNotPresent|Never securityContext:15SecurityContext stdin:16b stdinOnce:17b
  tty:18b
EphemeralVolumeSource volumeClaimTemplate:1PersistentVolumeClaimTemplate
Event metadata:1meta/v1.ObjectMeta! involvedObject:2ObjectReference! reason:3 message:4 source:5EventSource
  firstTimestamp:6t lastTimestamp:7t count:8i type:9 eventTime:10u series:11EventSeries action:12
  related:13ObjectReference reportingComponent:14 reportingInstance:15
EventSeries count:1i lastObservedTime:2u
EventSource component:1 host:2
EvictionResponder name:1! priority:2i?
ExecAction command:1[]
FCVolumeSource targetWWNs:1[] lun:2i? fsType:3 readOnly:4b wwids:5[]
FileKeySelector volumeName:1! path:2! key:3! optional:4b?(false)
FlexPersistentVolumeSource driver:1! fsType:2 secretRef:3SecretReference readOnly:4b options:5{}
FlexVolumeSource driver:1! fsType:2 secretRef:3LocalObjectReference readOnly:4b options:5{}
FlockerVolumeSource datasetName:1 datasetUUID:2
GCEPersistentDiskVolumeSource pdName:1! fsType:2 partition:3i readOnly:4b
GRPCAction port:1i! service:2? mode:3?|Plaintext|TLS
GitRepoVolumeSource repository:1! revision:2 directory:3
GlusterfsPersistentVolumeSource endpoints:1! path:2! readOnly:3b endpointsNamespace:4?
GlusterfsVolumeSource endpoints:1! path:2! readOnly:3b
HTTPGetAction path:1 port:2o! host:3 scheme:4|HTTP|HTTPS httpHeaders:5[HTTPHeader] protocol:6?|HTTP1|HTTP2
HTTPHeader name:1! value:2!
HostAlias ip:1! hostnames:2[]
HostIP ip:1!
HostPathVolumeSource path:1! type:2?
ISCSIPersistentVolumeSource targetPortal:1! iqn:2! lun:3i! iscsiInterface:4(default) fsType:5 readOnly:6b
  portals:7[] chapAuthDiscovery:8b chapAuthSession:11b secretRef:10SecretReference initiatorName:12?
ISCSIVolumeSource targetPortal:1! iqn:2! lun:3i! iscsiInterface:4(default) fsType:5 readOnly:6b portals:7[]
  chapAuthDiscovery:8b chapAuthSession:11b secretRef:10LocalObjectReference initiatorName:12?
ImageVolumeSource reference:1 pullPolicy:2|Always|IfNotPresent|Never
ImageVolumeStatus imageRef:1
KeyToPath key:1! path:2! mode:3i? user:4l?
Lifecycle postStart:1LifecycleHandler preStop:2LifecycleHandler stopSignal:3?
LifecycleHandler exec:1ExecAction httpGet:2HTTPGetAction tcpSocket:3TCPSocketAction sleep:4SleepAction
LimitRange metadata:1meta/v1.ObjectMeta spec:2LimitRangeSpec
LimitRangeItem type:1! max:2{q} min:3{q} default:4{q} defaultRequest:5{q} maxLimitRequestRatio:6{q}
LimitRangeSpec limits:1[LimitRangeItem]!
LinuxContainerUser uid:1l! gid:2l! supplementalGroups:3[l]
LoadBalancerIngress ip:1 hostname:2 ipMode:3? ports:4[PortStatus]
LoadBalancerStatus ingress:1[LoadBalancerIngress]
LocalObjectReference name:1
LocalVolumeSource path:1! fsType:2?
ModifyVolumeStatus targetVolumeAttributesClassName:1 status:2!
NFSVolumeSource server:1! path:2! readOnly:3b
Namespace metadata:1meta/v1.ObjectMeta spec:2NamespaceSpec status:3NamespaceStatus
NamespaceCondition type:1! status:2!|True|False|Unknown lastTransitionTime:4t reason:5 message:6
NamespaceSpec finalizers:1[]
NamespaceStatus phase:1|Active|Terminating conditions:2[NamespaceCondition]~type=type
Node metadata:1meta/v1.ObjectMeta spec:2NodeSpec status:3NodeStatus
NodeAddress type:1! address:2!
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:1NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution:2[PreferredSchedulingTerm]
NodeAllocatableMappedResources name:1! quantity:2q?
NodeAllocatableOverheadResources name:1! perPod:2q? perContainer:3q?
NodeAllocatableResourceClaimStatus resourceClaimName:1! containers:2[]=set
  mapping:4[NodeAllocatableMappedResources]~name=name overhead:5[NodeAllocatableOverheadResources]~name=name
NodeCondition type:1! status:2!|True|False|Unknown lastHeartbeatTime:3t lastTransitionTime:4t reason:5
  message:6
NodeConfigSource configMap:2ConfigMapNodeConfigSource
NodeConfigStatus assigned:1NodeConfigSource active:2NodeConfigSource lastKnownGood:3NodeConfigSource error:4
NodeDaemonEndpoints kubeletEndpoint:1DaemonEndpoint
NodeFeatures supplementalGroupsPolicy:1b?
NodePodPreemptionPolicy disableResizePreemption:1[]=set
NodeRuntimeHandler name:1 features:2NodeRuntimeHandlerFeatures
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:1b? userNamespaces:2b?
NodeSelector nodeSelectorTerms:1[NodeSelectorTerm]!
NodeSelectorRequirement key:1! operator:2!|In|NotIn|Exists|DoesNotExist|Gt|Lt values:3[]
NodeSelectorTerm matchExpressions:1[NodeSelectorRequirement] matchFields:2[NodeSelectorRequirement]
NodeSpec podCIDR:1 podCIDRs:7[]~=set providerID:3 unschedulable:4b taints:5[Taint]
  configSource:6NodeConfigSource externalID:2 podPreemptionPolicy:8NodePodPreemptionPolicy
NodeStatus capacity:1{q} allocatable:2{q} phase:3 conditions:4[NodeCondition]~type=type
  addresses:5[NodeAddress]~type=type daemonEndpoints:6NodeDaemonEndpoints nodeInfo:7NodeSystemInfo
  images:8[ContainerImage] volumesInUse:9[] volumesAttached:10[AttachedVolume] config:11NodeConfigStatus
  runtimeHandlers:12[NodeRuntimeHandler] features:13NodeFeatures declaredFeatures:14[]
NodeSwapStatus capacity:1l?
NodeSystemInfo machineID:1! systemUUID:2! bootID:3! kernelVersion:4! osImage:5! containerRuntimeVersion:6!
  kubeletVersion:7! kubeProxyVersion:8! operatingSystem:9! architecture:10! swap:11NodeSwapStatus
ObjectFieldSelector apiVersion:1 fieldPath:2!
ObjectReference kind:1 namespace:2 name:3 uid:4 apiVersion:5 resourceVersion:6 fieldPath:7
PersistentVolume metadata:1meta/v1.ObjectMeta spec:2PersistentVolumeSpec status:3PersistentVolumeStatus
PersistentVolumeClaim metadata:1meta/v1.ObjectMeta spec:2PersistentVolumeClaimSpec
  status:3PersistentVolumeClaimStatus
PersistentVolumeClaimCondition type:1! status:2!|True|False|Unknown lastProbeTime:3t lastTransitionTime:4t
  reason:5 message:6
PersistentVolumeClaimSpec accessModes:1[]|ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod
  selector:4meta/v1.LabelSelector resources:2VolumeResourceRequirements volumeName:3 storageClassName:5?
  volumeMode:6?|Block|Filesystem dataSource:7TypedLocalObjectReference dataSourceRef:8TypedObjectReference
  volumeAttributesClassName:9?
PersistentVolumeClaimStatus phase:1|Pending|Bound|Lost
  accessModes:2[]|ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod capacity:3{q}
  conditions:4[PersistentVolumeClaimCondition]~type=type allocatedResources:5{q}
  allocatedResourceStatuses:7{} currentVolumeAttributesClassName:8? modifyVolumeStatus:9ModifyVolumeStatus
  healthStatus:10VolumeHealthStatus
PersistentVolumeClaimTemplate metadata:1meta/v1.ObjectMeta spec:2PersistentVolumeClaimSpec!
PersistentVolumeClaimVolumeSource claimName:1! readOnly:2b
PersistentVolumeSource gcePersistentDisk:1GCEPersistentDiskVolumeSource
  awsElasticBlockStore:2AWSElasticBlockStoreVolumeSource hostPath:3HostPathVolumeSource
  glusterfs:4GlusterfsPersistentVolumeSource nfs:5NFSVolumeSource rbd:6RBDPersistentVolumeSource
  iscsi:7ISCSIPersistentVolumeSource cinder:8CinderPersistentVolumeSource
  cephfs:9CephFSPersistentVolumeSource fc:10FCVolumeSource flocker:11FlockerVolumeSource
  flexVolume:12FlexPersistentVolumeSource azureFile:13AzureFilePersistentVolumeSource
  vsphereVolume:14VsphereVirtualDiskVolumeSource quobyte:15QuobyteVolumeSource
  azureDisk:16AzureDiskVolumeSource photonPersistentDisk:17PhotonPersistentDiskVolumeSource
  portworxVolume:18PortworxVolumeSource scaleIO:19ScaleIOPersistentVolumeSource local:20LocalVolumeSource
  storageos:21StorageOSPersistentVolumeSource csi:22CSIPersistentVolumeSource
PersistentVolumeSpec capacity:1{q} persistentVolumeSource:2*PersistentVolumeSource
  accessModes:3[]|ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod claimRef:4ObjectReference
  persistentVolumeReclaimPolicy:5|Delete|Recycle|Retain storageClassName:6 mountOptions:7[]
  volumeMode:8?|Block|Filesystem nodeAffinity:9VolumeNodeAffinity volumeAttributesClassName:10?
PersistentVolumeStatus phase:1|Pending|Available|Bound|Released|Failed message:2 reason:3
  lastPhaseTransitionTime:4t?
PhotonPersistentDiskVolumeSource pdID:1! fsType:2
Pod metadata:1meta/v1.ObjectMeta spec:2PodSpec status:3PodStatus
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:1[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:2[WeightedPodAffinityTerm]
PodAffinityTerm labelSelector:1meta/v1.LabelSelector namespaces:2[] topologyKey:3!
  namespaceSelector:4meta/v1.LabelSelector matchLabelKeys:5[] mismatchLabelKeys:6[]
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:1[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:2[WeightedPodAffinityTerm]
PodCertificateProjection signerName:1 keyType:2 maxExpirationSeconds:3i? credentialBundlePath:4 keyPath:5
  certificateChainPath:6 userAnnotations:7{} user:8l?
PodCondition type:1! observedGeneration:7l status:2!|True|False|Unknown lastProbeTime:3t
  lastTransitionTime:4t reason:5 message:6
PodDNSConfig nameservers:1[] searches:2[] options:3[PodDNSConfigOption]
PodDNSConfigOption name:1 value:2?
PodExtendedResourceClaimStatus requestMappings:1[ContainerExtendedResourceRequest]! resourceClaimName:2!
PodIP ip:1!
PodOS name:1!
PodReadinessGate conditionType:1!
PodResourceClaim name:1! resourceClaimName:3? resourceClaimTemplateName:4?
PodResourceClaimStatus name:1! resourceClaimName:2?
PodSchedulingGate name:1!
PodSchedulingGroup podGroupName:1?
PodSecurityContext seLinuxOptions:1SELinuxOptions windowsOptions:8WindowsSecurityContextOptions
  runAsUser:2l? runAsGroup:6l? runAsNonRoot:3b? supplementalGroups:4[l]
  supplementalGroupsPolicy:12?|Merge|Strict fsGroup:5l? sysctls:7[Sysctl]
  fsGroupChangePolicy:9?|Always|OnRootMismatch seccompProfile:10SeccompProfile
  appArmorProfile:11AppArmorProfile seLinuxChangePolicy:13?
PodSpec volumes:1[Volume]~~name=name initContainers:20[Container]~name=name
  containers:2[Container]!~name=name ephemeralContainers:34[EphemeralContainer]~name=name
  restartPolicy:3|Always|OnFailure|Never terminationGracePeriodSeconds:4l? activeDeadlineSeconds:5l?
  dnsPolicy:6|ClusterFirstWithHostNet|ClusterFirst|Default|None nodeSelector:7{} serviceAccountName:8
  serviceAccount:9 automountServiceAccountToken:21b? nodeName:10 hostNetwork:11b hostPID:12b hostIPC:13b
  shareProcessNamespace:27b? securityContext:14PodSecurityContext
  imagePullSecrets:15[LocalObjectReference]~name=name hostname:16 subdomain:17 affinity:18Affinity
  schedulerName:19 tolerations:22[Toleration] hostAliases:23[HostAlias]~ip=ip priorityClassName:24
  priority:25i? dnsConfig:26PodDNSConfig readinessGates:28[PodReadinessGate] runtimeClassName:29?
  enableServiceLinks:30b? preemptionPolicy:31?|PreemptLowerPriority|Never overhead:32{q}
  topologySpreadConstraints:33[TopologySpreadConstraint]~topologyKey=topologyKey,whenUnsatisfiable
  setHostnameAsFQDN:35b? os:36PodOS hostUsers:37b? schedulingGates:38[PodSchedulingGate]~name=name
  resourceClaims:39[PodResourceClaim]~~name=name resources:40ResourceRequirements hostnameOverride:41?
  schedulingGroup:43PodSchedulingGroup evictionResponders:44[EvictionResponder]~name=name
PodStatus observedGeneration:17l phase:1|Pending|Running|Succeeded|Failed|Unknown
  conditions:2[PodCondition]~type=type message:3 reason:4 nominatedNodeName:11 hostIP:5
  hostIPs:16[HostIP]~ip podIP:6 podIPs:12[PodIP]~ip=ip startTime:7t?
  initContainerStatuses:10[ContainerStatus] containerStatuses:8[ContainerStatus]
  qosClass:9|Guaranteed|Burstable|BestEffort ephemeralContainerStatuses:13[ContainerStatus] resize:14
  resourceClaimStatuses:15[PodResourceClaimStatus]~~name=name
  extendedResourceClaimStatus:18PodExtendedResourceClaimStatus allocatedResources:19{q}
  resources:20ResourceRequirements
  nodeAllocatableResourceClaimStatuses:21[NodeAllocatableResourceClaimStatus]~resourceClaimName=resourceClaimName
  volumeHealth:22[PodVolumeHealth]=name
PodTemplate metadata:1meta/v1.ObjectMeta template:2PodTemplateSpec
PodTemplateSpec metadata:1meta/v1.ObjectMeta spec:2PodSpec
PodVolumeHealth name:1! healthConditions:2[VolumeHealthCondition]~status=status,reason lastTransitionTime:3t
PortStatus port:1i! protocol:2!|SCTP|TCP|UDP error:3?
PortworxVolumeSource volumeID:1! fsType:2 readOnly:3b
PreferredSchedulingTerm weight:1i! preference:2NodeSelectorTerm!
Probe handler:1*ProbeHandler initialDelaySeconds:2i timeoutSeconds:3i periodSeconds:4i successThreshold:5i
  failureThreshold:6i terminationGracePeriodSeconds:7l?
ProbeHandler exec:1ExecAction httpGet:2HTTPGetAction tcpSocket:3TCPSocketAction grpc:4GRPCAction
ProjectedVolumeSource sources:1[VolumeProjection] defaultMode:2i? defaultUser:3l?
QuobyteVolumeSource registry:1! volume:2! readOnly:3b user:4 group:5 tenant:6
RBDPersistentVolumeSource monitors:1[]! image:2! fsType:3 pool:4(rbd) user:5(admin)
  keyring:6(/etc/ceph/keyring) secretRef:7SecretReference readOnly:8b
RBDVolumeSource monitors:1[]! image:2! fsType:3 pool:4(rbd) user:5(admin) keyring:6(/etc/ceph/keyring)
  secretRef:7LocalObjectReference readOnly:8b
ReplicationController metadata:1meta/v1.ObjectMeta spec:2ReplicationControllerSpec
  status:3ReplicationControllerStatus
ReplicationControllerCondition type:1! status:2!|True|False|Unknown lastTransitionTime:3t reason:4 message:5
ReplicationControllerSpec replicas:1i?(1) minReadySeconds:4i selector:2{} template:3PodTemplateSpec
ReplicationControllerStatus replicas:1i! fullyLabeledReplicas:2i readyReplicas:4i availableReplicas:5i
  observedGeneration:3l conditions:6[ReplicationControllerCondition]~type=type
ResourceClaim name:1! request:2
ResourceFieldSelector containerName:1 resource:2! divisor:3q
ResourceHealth resourceID:1! health:2 message:6?
ResourceQuota metadata:1meta/v1.ObjectMeta spec:2ResourceQuotaSpec status:3ResourceQuotaStatus
ResourceQuotaSpec hard:1{q} scopes:2[] scopeSelector:3ScopeSelector
ResourceQuotaStatus hard:1{q} used:2{q}
ResourceRequirements limits:1{q} requests:2{q} claims:3[ResourceClaim]=name
ResourceStatus name:1! resources:2[ResourceHealth]=resourceID
SELinuxOptions user:1 role:2 type:3 level:4
ScaleIOPersistentVolumeSource gateway:1! system:2! secretRef:3SecretReference sslEnabled:4b
  protectionDomain:5 storagePool:6 storageMode:7(ThinProvisioned) volumeName:8 fsType:9(xfs) readOnly:10b
ScaleIOVolumeSource gateway:1! system:2! secretRef:3LocalObjectReference sslEnabled:4b protectionDomain:5
  storagePool:6 storageMode:7(ThinProvisioned) volumeName:8 fsType:9(xfs) readOnly:10b
ScopeSelector matchExpressions:1[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement scopeName:1! operator:2!|In|NotIn|Exists|DoesNotExist values:3[]
SeccompProfile type:1!|Localhost|RuntimeDefault|Unconfined localhostProfile:2?
Secret metadata:1meta/v1.ObjectMeta immutable:5b? data:2{y} stringData:4{} type:3
SecretEnvSource localObjectReference:1*LocalObjectReference optional:2b?
SecretKeySelector localObjectReference:1*LocalObjectReference key:2! optional:3b?
SecretProjection localObjectReference:1*LocalObjectReference items:2[KeyToPath] optional:4b?
SecretReference name:1 namespace:2
SecretVolumeSource secretName:1 items:2[KeyToPath] defaultMode:3i? optional:4b? defaultUser:5l?
SecurityContext capabilities:1Capabilities privileged:2b? seLinuxOptions:3SELinuxOptions
  windowsOptions:10WindowsSecurityContextOptions runAsUser:4l? runAsGroup:8l? runAsNonRoot:5b?
  readOnlyRootFilesystem:6b? allowPrivilegeEscalation:7b? procMount:9?|Default|Unmasked
  seccompProfile:11SeccompProfile appArmorProfile:12AppArmorProfile
Service metadata:1meta/v1.ObjectMeta spec:2ServiceSpec status:3ServiceStatus
ServiceAccount metadata:1meta/v1.ObjectMeta secrets:2[ObjectReference]~name=name
  imagePullSecrets:3[LocalObjectReference] automountServiceAccountToken:4b?
ServiceAccountTokenProjection audience:1 expirationSeconds:2l? path:3! user:4l?
ServicePort name:1 protocol:2(TCP)|SCTP|TCP|UDP appProtocol:6? port:3i! targetPort:4o nodePort:5i
ServiceSpec ports:1[ServicePort]~port=port,protocol selector:2{} clusterIP:3 clusterIPs:18[]
  type:4|ClusterIP|ExternalName|LoadBalancer|NodePort externalIPs:5[] sessionAffinity:7|ClientIP|None
  loadBalancerIP:8 loadBalancerSourceRanges:9[] externalName:10 externalTrafficPolicy:11|Cluster|Local
  healthCheckNodePort:12i publishNotReadyAddresses:13b sessionAffinityConfig:14SessionAffinityConfig
  ipFamilies:19[] ipFamilyPolicy:17?|PreferDualStack|RequireDualStack|SingleStack
  allocateLoadBalancerNodePorts:20b? loadBalancerClass:21? internalTrafficPolicy:22?|Cluster|Local
  trafficDistribution:23?
ServiceStatus loadBalancer:1LoadBalancerStatus conditions:2[meta/v1.Condition]~type=type
SessionAffinityConfig clientIP:1ClientIPConfig
SleepAction seconds:1l!
StorageOSPersistentVolumeSource volumeName:1 volumeNamespace:2 fsType:3 readOnly:4b
  secretRef:5ObjectReference
StorageOSVolumeSource volumeName:1 volumeNamespace:2 fsType:3 readOnly:4b secretRef:5LocalObjectReference
Sysctl name:1! value:2!
TCPSocketAction port:1o! host:2
Taint key:1! value:2 effect:3!|NoSchedule|PreferNoSchedule|NoExecute timeAdded:4t?
Toleration key:1 operator:2|Exists|Equal|Lt|Gt value:3 effect:4|NoSchedule|PreferNoSchedule|NoExecute
  tolerationSeconds:5l?
TopologySelectorLabelRequirement key:1! values:2[]!
TopologySelectorTerm matchLabelExpressions:1[TopologySelectorLabelRequirement]
TopologySpreadConstraint maxSkew:1i! topologyKey:2! whenUnsatisfiable:3!|DoNotSchedule|ScheduleAnyway
  labelSelector:4meta/v1.LabelSelector minDomains:5i? nodeAffinityPolicy:6?|Honor|Ignore
  nodeTaintsPolicy:7?|Honor|Ignore matchLabelKeys:8[]
TypedLocalObjectReference apiGroup:1? kind:2! name:3!
TypedObjectReference apiGroup:1? kind:2! name:3! namespace:4?
Volume name:1! volumeSource:2*VolumeSource
VolumeDevice name:1! devicePath:2!
VolumeHealthCondition status:1! reason:2! message:3
VolumeHealthStatus healthConditions:1[VolumeHealthCondition]~status=status,reason lastTransitionTime:2t
VolumeMount name:1! readOnly:2b recursiveReadOnly:7? mountPath:3! subPath:4
  mountPropagation:5?|Bidirectional|HostToContainer|None subPathExpr:6 bindMountOptions:8[]=set
VolumeMountStatus name:1! mountPath:2! readOnly:3b recursiveReadOnly:4? volumeStatus:5VolumeStatus
VolumeNodeAffinity required:1NodeSelector
VolumeProjection secret:1SecretProjection downwardAPI:2DownwardAPIProjection configMap:3ConfigMapProjection
  serviceAccountToken:4ServiceAccountTokenProjection clusterTrustBundle:5ClusterTrustBundleProjection
  podCertificate:6PodCertificateProjection
VolumeResourceRequirements limits:1{q} requests:2{q}
VolumeSource hostPath:1HostPathVolumeSource emptyDir:2EmptyDirVolumeSource
  gcePersistentDisk:3GCEPersistentDiskVolumeSource awsElasticBlockStore:4AWSElasticBlockStoreVolumeSource
  gitRepo:5GitRepoVolumeSource secret:6SecretVolumeSource nfs:7NFSVolumeSource iscsi:8ISCSIVolumeSource
  glusterfs:9GlusterfsVolumeSource persistentVolumeClaim:10PersistentVolumeClaimVolumeSource
  rbd:11RBDVolumeSource flexVolume:12FlexVolumeSource cinder:13CinderVolumeSource
  cephfs:14CephFSVolumeSource flocker:15FlockerVolumeSource downwardAPI:16DownwardAPIVolumeSource
  fc:17FCVolumeSource azureFile:18AzureFileVolumeSource configMap:19ConfigMapVolumeSource
  vsphereVolume:20VsphereVirtualDiskVolumeSource quobyte:21QuobyteVolumeSource
  azureDisk:22AzureDiskVolumeSource photonPersistentDisk:23PhotonPersistentDiskVolumeSource
  projected:26ProjectedVolumeSource portworxVolume:24PortworxVolumeSource scaleIO:25ScaleIOVolumeSource
  storageos:27StorageOSVolumeSource csi:28CSIVolumeSource ephemeral:29EphemeralVolumeSource
  image:30ImageVolumeSource
VolumeStatus image:1ImageVolumeStatus
VsphereVirtualDiskVolumeSource volumePath:1! fsType:2 storagePolicyName:3 storagePolicyID:4
WeightedPodAffinityTerm weight:1i! podAffinityTerm:2PodAffinityTerm!
WindowsSecurityContextOptions gmsaCredentialSpecName:1? gmsaCredentialSpec:2? runAsUserName:3?
  hostProcess:4b?
`
