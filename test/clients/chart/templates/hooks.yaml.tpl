{{- range $hook := list "pre-install" "post-upgrade" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $.Release.Name }}-{{ $hook }}
  annotations:
    helm.sh/hook: {{ $hook }}
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: hook
          image: alpine
          command: [sh, -c, 'echo {{ $hook }} of revision {{ $.Release.Revision }}; {{ $.Values.blessed }}']
{{- end }}
