/** The messages of the groups that extend or guard the API, in the notation of `parse.ts`. */
export const ADMISSIONREGISTRATION_V1 = `
AuditAnnotation key:1! valueExpression:2!
ExpressionWarning fieldRef:2! warning:3!
MatchCondition name:1! expression:2!
MatchResources namespaceSelector:1meta/v1.LabelSelector objectSelector:2meta/v1.LabelSelector
  resourceRules:3[NamedRuleWithOperations] excludeResourceRules:4[NamedRuleWithOperations]
  matchPolicy:7?|Equivalent|Exact
MutatingWebhook name:1! clientConfig:2WebhookClientConfig! rules:3[RuleWithOperations]
  failurePolicy:4?|Fail|Ignore matchPolicy:9?|Equivalent|Exact namespaceSelector:5meta/v1.LabelSelector
  objectSelector:11meta/v1.LabelSelector sideEffects:6?|Unknown|None|Some|NoneOnDryRun timeoutSeconds:7i?
  admissionReviewVersions:8[]! reinvocationPolicy:10?|Never|IfNeeded
  matchConditions:12[MatchCondition]~name=name
MutatingWebhookConfiguration metadata:1meta/v1.ObjectMeta webhooks:2[MutatingWebhook]~name=name
NamedRuleWithOperations resourceNames:1[] ruleWithOperations:2*RuleWithOperations
ParamKind apiVersion:1 kind:2
ParamRef name:1 namespace:2 selector:3meta/v1.LabelSelector parameterNotFoundAction:4?
Rule apiGroups:1[] apiVersions:2[] resources:3[] scope:4?|*|Cluster|Namespaced
RuleWithOperations operations:1[]|*|CONNECT|CREATE|DELETE|UPDATE rule:2*Rule
ServiceReference namespace:1! name:2! path:3? port:4i?
TypeChecking expressionWarnings:1[ExpressionWarning]
ValidatingAdmissionPolicy metadata:1meta/v1.ObjectMeta spec:2ValidatingAdmissionPolicySpec
  status:3ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicyBinding metadata:1meta/v1.ObjectMeta spec:2ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec policyName:1 paramRef:2ParamRef matchResources:3MatchResources
  validationActions:4[]=set|Deny|Warn|Audit
ValidatingAdmissionPolicySpec paramKind:1ParamKind matchConstraints:2MatchResources
  validations:3[Validation] failurePolicy:4?|Fail|Ignore auditAnnotations:5[AuditAnnotation]
  matchConditions:6[MatchCondition]~name=name variables:7[Variable]~name=name
ValidatingAdmissionPolicyStatus observedGeneration:1l typeChecking:2TypeChecking
  conditions:3[meta/v1.Condition]=type
ValidatingWebhook name:1! clientConfig:2WebhookClientConfig! rules:3[RuleWithOperations]
  failurePolicy:4?|Fail|Ignore matchPolicy:9?|Equivalent|Exact namespaceSelector:5meta/v1.LabelSelector
  objectSelector:10meta/v1.LabelSelector sideEffects:6?|Unknown|None|Some|NoneOnDryRun timeoutSeconds:7i?
  admissionReviewVersions:8[]! matchConditions:11[MatchCondition]~name=name
ValidatingWebhookConfiguration metadata:1meta/v1.ObjectMeta webhooks:2[ValidatingWebhook]~name=name
Validation expression:1! message:2 reason:3? messageExpression:4
Variable name:1! expression:2!
WebhookClientConfig url:3? service:1ServiceReference caBundle:2y
`

export const APIEXTENSIONS_V1 = `
CustomResourceColumnDefinition name:1! type:2! format:3 description:4 priority:5i jsonPath:6!
CustomResourceConversion strategy:1! webhook:2WebhookConversion
CustomResourceDefinition metadata:1meta/v1.ObjectMeta spec:2CustomResourceDefinitionSpec!
  status:3CustomResourceDefinitionStatus
CustomResourceDefinitionCondition type:1! status:2!|True|False|Unknown lastTransitionTime:3t reason:4
  message:5 observedGeneration:6l
CustomResourceDefinitionNames plural:1! singular:2 shortNames:3[] kind:4! listKind:5 categories:6[]
CustomResourceDefinitionSpec group:1! names:3CustomResourceDefinitionNames! scope:4!|Cluster|Namespaced
  versions:7[CustomResourceDefinitionVersion]! conversion:9CustomResourceConversion
  preserveUnknownFields:10b
CustomResourceDefinitionStatus conditions:1[CustomResourceDefinitionCondition]=type
  acceptedNames:2CustomResourceDefinitionNames storedVersions:3[] observedGeneration:4l
CustomResourceDefinitionVersion name:1! served:2b! storage:3b! deprecated:7b deprecationWarning:8?
  schema:4CustomResourceValidation subresources:5CustomResourceSubresources
  additionalPrinterColumns:6[CustomResourceColumnDefinition] selectableFields:9[SelectableField]
CustomResourceSubresourceScale specReplicasPath:1! statusReplicasPath:2! labelSelectorPath:3?
CustomResourceSubresources status:1Empty scale:2CustomResourceSubresourceScale
CustomResourceValidation openAPIV3Schema:1JSONSchemaProps
Empty
ExternalDocumentation description:1 url:2
JSONSchemaProps id:1 $schema:2 $ref:3? description:4 type:5 format:6 title:7 default:8j maximum:9d?
  exclusiveMaximum:10b minimum:11d? exclusiveMinimum:12b maxLength:13l? minLength:14l? pattern:15
  maxItems:16l? minItems:17l? uniqueItems:18b multipleOf:19d? enum:20[j] maxProperties:21l?
  minProperties:22l? required:23[] items:24JSONSchemaPropsOrArray allOf:25[JSONSchemaProps]
  oneOf:26[JSONSchemaProps] anyOf:27[JSONSchemaProps] not:28JSONSchemaProps properties:29{JSONSchemaProps}
  additionalProperties:30JSONSchemaPropsOrBool patternProperties:31{JSONSchemaProps}
  dependencies:32{JSONSchemaPropsOrStringArray} additionalItems:33JSONSchemaPropsOrBool
  definitions:34{JSONSchemaProps} externalDocs:35ExternalDocumentation example:36j nullable:37b
  x-kubernetes-preserve-unknown-fields:38b? x-kubernetes-embedded-resource:39b
  x-kubernetes-int-or-string:40b x-kubernetes-list-map-keys:41[] x-kubernetes-list-type:42?
  x-kubernetes-map-type:43? x-kubernetes-validations:44[ValidationRule]~rule=rule
?JSONSchemaPropsOrArray schema:1JSONSchemaProps jSONSchemas:2[JSONSchemaProps]
?JSONSchemaPropsOrBool schema:2JSONSchemaProps allows:1b
?JSONSchemaPropsOrStringArray schema:1JSONSchemaProps property:2[]
SelectableField jsonPath:1!
ServiceReference namespace:1! name:2! path:3? port:4i?
ValidationRule rule:1! message:2 messageExpression:3
  reason:4?|FieldValueRequired|FieldValueDuplicate|FieldValueInvalid|FieldValueForbidden fieldPath:5
  optionalOldSelf:6b?
WebhookClientConfig url:3? service:1ServiceReference caBundle:2y
WebhookConversion clientConfig:2WebhookClientConfig conversionReviewVersions:3[]!
`

export const AUTHENTICATION_V1 = `
BoundObjectReference kind:1 apiVersion:2 name:3 uid:4
SelfSubjectReview metadata:1meta/v1.ObjectMeta status:2SelfSubjectReviewStatus
SelfSubjectReviewStatus userInfo:1UserInfo
TokenRequest metadata:1meta/v1.ObjectMeta spec:2TokenRequestSpec status:3TokenRequestStatus
TokenRequestSpec audiences:1[] expirationSeconds:4l? boundObjectRef:3BoundObjectReference attestations:5{[]}
TokenRequestStatus token:1 expirationTimestamp:2t
TokenReview metadata:1meta/v1.ObjectMeta spec:2TokenReviewSpec! status:3TokenReviewStatus
TokenReviewSpec token:1 audiences:2[]
TokenReviewStatus authenticated:1b user:2UserInfo audiences:4[] error:3
UserInfo username:1 uid:2 groups:3[] extra:4{[]}
`

export const AUTHORIZATION_V1 = `
FieldSelectorAttributes rawSelector:1 requirements:2[meta/v1.FieldSelectorRequirement]
LabelSelectorAttributes rawSelector:1 requirements:2[meta/v1.LabelSelectorRequirement]
LocalSubjectAccessReview metadata:1meta/v1.ObjectMeta spec:2SubjectAccessReviewSpec!
  status:3SubjectAccessReviewStatus
NonResourceAttributes path:1 verb:2
NonResourceRule verbs:1[]! nonResourceURLs:2[]
ResourceAttributes namespace:1 verb:2 group:3 version:4 resource:5 subresource:6 name:7
  fieldSelector:8FieldSelectorAttributes labelSelector:9LabelSelectorAttributes
ResourceRule verbs:1[]! apiGroups:2[] resources:3[] resourceNames:4[]
SelfSubjectAccessReview metadata:1meta/v1.ObjectMeta spec:2SelfSubjectAccessReviewSpec!
  status:3SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec resourceAttributes:1ResourceAttributes
  nonResourceAttributes:2NonResourceAttributes
SelfSubjectRulesReview metadata:1meta/v1.ObjectMeta spec:2SelfSubjectRulesReviewSpec!
  status:3SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace:1
SubjectAccessReview metadata:1meta/v1.ObjectMeta spec:2SubjectAccessReviewSpec!
  status:3SubjectAccessReviewStatus
SubjectAccessReviewSpec resourceAttributes:1ResourceAttributes nonResourceAttributes:2NonResourceAttributes
  user:3 groups:4[] extra:5{[]} uid:6
SubjectAccessReviewStatus allowed:1b! denied:4b reason:2 evaluationError:3
SubjectRulesReviewStatus resourceRules:1[ResourceRule]! nonResourceRules:2[NonResourceRule]! incomplete:3b!
  evaluationError:4
`

export const RBAC_V1 = `
AggregationRule clusterRoleSelectors:1[meta/v1.LabelSelector]
ClusterRole metadata:1meta/v1.ObjectMeta rules:2[PolicyRule] aggregationRule:3AggregationRule
ClusterRoleBinding metadata:1meta/v1.ObjectMeta subjects:2[Subject] roleRef:3RoleRef!
PolicyRule verbs:1[]! apiGroups:2[] resources:3[] resourceNames:4[] nonResourceURLs:5[]
Role metadata:1meta/v1.ObjectMeta rules:2[PolicyRule]
RoleBinding metadata:1meta/v1.ObjectMeta subjects:2[Subject] roleRef:3RoleRef!
RoleRef apiGroup:1 kind:2! name:3!
Subject kind:1! apiGroup:2 name:3! namespace:4
`
