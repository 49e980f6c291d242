apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "harbour.labels" . | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "harbour.labels" . | nindent 4 }}
spec:
  type: {{ .Values.service.type }}
  selector: { app: {{ .Release.Name }} }
  ports: [{ name: http, port: {{ .Values.service.port }}, targetPort: http }]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "harbour.labels" . | nindent 4 }}
data:
  index.html: {{ .Values.text | quote }}
  {{- with lookup "v1" "Namespace" "" "kube-system" }}
  seen: {{ .metadata.name }}
  {{- end }}
---
# Kept from release to release: made up only where there is none yet.
{{- $kept := lookup "v1" "Secret" .Release.Namespace (printf "%s-password" .Release.Name) }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-password
data:
  {{- if $kept }}
  password: {{ $kept.data.password }}
  {{- else }}
  password: {{ randAlphaNum 12 | b64enc }}
  {{- end }}
---
apiVersion: harbour.example.org/v1
kind: Boat
metadata: { name: {{ .Release.Name }} }
spec: { sails: {{ .Values.replicas }} }
{{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: {{ .Release.Name }} }
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app: {{ .Release.Name }} } }
{{- end }}
