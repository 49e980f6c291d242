/** The messages of apps, batch, autoscaling and policy, in the notation of `parse.ts`. */
export const APPS_V1 = `
ControllerRevision metadata:1meta/v1.ObjectMeta data:2r! revision:3l
DaemonSet metadata:1meta/v1.ObjectMeta spec:2DaemonSetSpec status:3DaemonSetStatus
DaemonSetCondition type:1 status:2|True|False|Unknown lastTransitionTime:3t reason:4 message:5
DaemonSetSpec selector:1meta/v1.LabelSelector template:2core/v1.PodTemplateSpec!
  updateStrategy:3DaemonSetUpdateStrategy minReadySeconds:4i revisionHistoryLimit:6i?
DaemonSetStatus currentNumberScheduled:1i! numberMisscheduled:2i! desiredNumberScheduled:3i! numberReady:4i!
  observedGeneration:5l updatedNumberScheduled:6i numberAvailable:7i numberUnavailable:8i collisionCount:9i?
  conditions:10[DaemonSetCondition]~type=type
DaemonSetUpdateStrategy type:1|RollingUpdate|OnDelete rollingUpdate:2RollingUpdateDaemonSet
Deployment metadata:1meta/v1.ObjectMeta spec:2DeploymentSpec status:3DeploymentStatus
DeploymentCondition type:1 status:2|True|False|Unknown lastUpdateTime:6t lastTransitionTime:7t reason:4
  message:5
DeploymentSpec replicas:1i? selector:2meta/v1.LabelSelector template:3core/v1.PodTemplateSpec!
  strategy:4DeploymentStrategy~- minReadySeconds:5i revisionHistoryLimit:6i? paused:7b
  progressDeadlineSeconds:9i?
DeploymentStatus observedGeneration:1l replicas:2i updatedReplicas:3i readyReplicas:7i availableReplicas:4i
  unavailableReplicas:5i terminatingReplicas:9i? conditions:6[DeploymentCondition]~type=type
  collisionCount:8i?
DeploymentStrategy type:1|Recreate|RollingUpdate rollingUpdate:2RollingUpdateDeployment
ReplicaSet metadata:1meta/v1.ObjectMeta spec:2ReplicaSetSpec status:3ReplicaSetStatus
ReplicaSetCondition type:1 status:2|True|False|Unknown lastTransitionTime:3t reason:4 message:5
ReplicaSetSpec replicas:1i? minReadySeconds:4i selector:2meta/v1.LabelSelector
  template:3core/v1.PodTemplateSpec
ReplicaSetStatus replicas:1i! fullyLabeledReplicas:2i readyReplicas:4i availableReplicas:5i
  terminatingReplicas:7i? observedGeneration:3l conditions:6[ReplicaSetCondition]~type=type
RollingUpdateDaemonSet maxUnavailable:1o? maxSurge:2o?
RollingUpdateDeployment maxUnavailable:1o? maxSurge:2o?
RollingUpdateStatefulSetStrategy partition:1i? maxUnavailable:2o?
StatefulSet metadata:1meta/v1.ObjectMeta spec:2StatefulSetSpec status:3StatefulSetStatus
StatefulSetCondition type:1 status:2|True|False|Unknown lastTransitionTime:3t reason:4 message:5
StatefulSetOrdinals start:1i
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:1 whenScaled:2
StatefulSetSpec replicas:1i? selector:2meta/v1.LabelSelector template:3core/v1.PodTemplateSpec!
  volumeClaimTemplates:4[core/v1.PersistentVolumeClaim] serviceName:5
  podManagementPolicy:6|OrderedReady|Parallel updateStrategy:7StatefulSetUpdateStrategy
  revisionHistoryLimit:8i? minReadySeconds:9i
  persistentVolumeClaimRetentionPolicy:10StatefulSetPersistentVolumeClaimRetentionPolicy
  ordinals:11StatefulSetOrdinals
StatefulSetStatus observedGeneration:1l replicas:2i! readyReplicas:3i currentReplicas:4i updatedReplicas:5i
  currentRevision:6 updateRevision:7 collisionCount:9i? conditions:10[StatefulSetCondition]~type=type
  availableReplicas:11i
StatefulSetUpdateStrategy type:1|RollingUpdate|OnDelete|Recreate
  rollingUpdate:2RollingUpdateStatefulSetStrategy
`

export const BATCH_V1 = `
CronJob metadata:1meta/v1.ObjectMeta spec:2CronJobSpec status:3CronJobStatus
CronJobSpec schedule:1! timeZone:8? startingDeadlineSeconds:2l? concurrencyPolicy:3|Allow|Forbid|Replace
  suspend:4b? jobTemplate:5JobTemplateSpec! successfulJobsHistoryLimit:6i? failedJobsHistoryLimit:7i?
CronJobStatus active:1[core/v1.ObjectReference] lastScheduleTime:4t? lastSuccessfulTime:5t?
Job metadata:1meta/v1.ObjectMeta spec:2JobSpec status:3JobStatus
JobCondition type:1! status:2!|True|False|Unknown lastProbeTime:3t lastTransitionTime:4t reason:5 message:6
JobSpec parallelism:1i? completions:2i? activeDeadlineSeconds:3l? podFailurePolicy:11PodFailurePolicy
  successPolicy:16SuccessPolicy backoffLimit:7i? backoffLimitPerIndex:12i? maxFailedIndexes:13i?
  selector:4meta/v1.LabelSelector manualSelector:5b? template:6core/v1.PodTemplateSpec!
  ttlSecondsAfterFinished:8i? completionMode:9?|NonIndexed|Indexed suspend:10b?
  podReplacementPolicy:14?|TerminatingOrFailed|Failed managedBy:15?
JobStatus conditions:1[JobCondition]~type startTime:2t? completionTime:3t? active:4i succeeded:5i failed:6i
  terminating:11i? completedIndexes:7 failedIndexes:10? uncountedTerminatedPods:8UncountedTerminatedPods
  ready:9i?
JobTemplateSpec metadata:1meta/v1.ObjectMeta spec:2JobSpec
PodFailurePolicy rules:1[PodFailurePolicyRule]!
PodFailurePolicyOnExitCodesRequirement containerName:1? operator:2!|In|NotIn values:3[i]!=set
PodFailurePolicyOnPodConditionsPattern type:1! status:2|True|False|Unknown
PodFailurePolicyRule action:1!|FailJob|FailIndex|Ignore|Count
  onExitCodes:2PodFailurePolicyOnExitCodesRequirement
  onPodConditions:3[PodFailurePolicyOnPodConditionsPattern]
SuccessPolicy rules:1[SuccessPolicyRule]!
SuccessPolicyRule succeededIndexes:1? succeededCount:2i?
UncountedTerminatedPods succeeded:1[]=set failed:2[]=set
`

export const AUTOSCALING_V1 = `
CrossVersionObjectReference kind:1! name:2! apiVersion:3
HorizontalPodAutoscaler metadata:1meta/v1.ObjectMeta spec:2HorizontalPodAutoscalerSpec
  status:3HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec scaleTargetRef:1CrossVersionObjectReference! minReplicas:2i? maxReplicas:3i!
  targetCPUUtilizationPercentage:4i?
HorizontalPodAutoscalerStatus observedGeneration:1l? lastScaleTime:2t? currentReplicas:3i!
  desiredReplicas:4i! currentCPUUtilizationPercentage:5i?
Scale metadata:1meta/v1.ObjectMeta spec:2ScaleSpec status:3ScaleStatus
ScaleSpec replicas:1i
ScaleStatus replicas:1i! selector:2
`

export const AUTOSCALING_V2 = `
ContainerResourceMetricSource name:1! target:2MetricTarget! container:3!
ContainerResourceMetricStatus name:1! current:2MetricValueStatus! container:3!
CrossVersionObjectReference kind:1! name:2! apiVersion:3
ExternalMetricSource metric:1MetricIdentifier! target:2MetricTarget!
ExternalMetricStatus metric:1MetricIdentifier! current:2MetricValueStatus!
HPAScalingPolicy type:1!|Percent|Pods value:2i! periodSeconds:3i!
HPAScalingRules stabilizationWindowSeconds:3i? selectPolicy:1? policies:2[HPAScalingPolicy] tolerance:4q?
HorizontalPodAutoscaler metadata:1meta/v1.ObjectMeta spec:2HorizontalPodAutoscalerSpec
  status:3HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerBehavior scaleUp:1HPAScalingRules scaleDown:2HPAScalingRules
HorizontalPodAutoscalerCondition type:1! status:2!|True|False|Unknown lastTransitionTime:3t reason:4
  message:5 observedGeneration:6l?
HorizontalPodAutoscalerSpec scaleTargetRef:1CrossVersionObjectReference! minReplicas:2i? maxReplicas:3i!
  metrics:4[MetricSpec] behavior:5HorizontalPodAutoscalerBehavior
HorizontalPodAutoscalerStatus observedGeneration:1l? lastScaleTime:2t? currentReplicas:3i
  desiredReplicas:4i! currentMetrics:5[MetricStatus]
  conditions:6[HorizontalPodAutoscalerCondition]~type=type
MetricIdentifier name:1! selector:2meta/v1.LabelSelector
MetricSpec type:1! object:2ObjectMetricSource pods:3PodsMetricSource resource:4ResourceMetricSource
  containerResource:7ContainerResourceMetricSource external:5ExternalMetricSource
MetricStatus type:1! object:2ObjectMetricStatus pods:3PodsMetricStatus resource:4ResourceMetricStatus
  containerResource:7ContainerResourceMetricStatus external:5ExternalMetricStatus
MetricTarget type:1! value:2q? averageValue:3q? averageUtilization:4i?
MetricValueStatus value:1q? averageValue:2q? averageUtilization:3i?
ObjectMetricSource describedObject:1CrossVersionObjectReference! target:2MetricTarget!
  metric:3MetricIdentifier!
ObjectMetricStatus metric:1MetricIdentifier! current:2MetricValueStatus!
  describedObject:3CrossVersionObjectReference!
PodsMetricSource metric:1MetricIdentifier! target:2MetricTarget!
PodsMetricStatus metric:1MetricIdentifier! current:2MetricValueStatus!
ResourceMetricSource name:1! target:2MetricTarget!
ResourceMetricStatus name:1! current:2MetricValueStatus!
`

export const POLICY_V1 = `
Eviction metadata:1meta/v1.ObjectMeta deleteOptions:2meta/v1.DeleteOptions
PodDisruptionBudget metadata:1meta/v1.ObjectMeta spec:2PodDisruptionBudgetSpec
  status:3PodDisruptionBudgetStatus
PodDisruptionBudgetSpec minAvailable:1o? selector:2meta/v1.LabelSelector maxUnavailable:3o?
  unhealthyPodEvictionPolicy:4?|AlwaysAllow|IfHealthyBudget
PodDisruptionBudgetStatus observedGeneration:1l disruptedPods:2{t} disruptionsAllowed:3i! currentHealthy:4i!
  desiredHealthy:5i! expectedPods:6i! conditions:7[meta/v1.Condition]~type=type
`
