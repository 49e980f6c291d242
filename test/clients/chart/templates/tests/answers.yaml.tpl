apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-answers
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  restartPolicy: Never
  containers:
    - name: asks
      image: curlimages/curl
      command: [sh, -c, 'test "$(curl -s http://{{ .Release.Name }}/)" = "{{ .Values.text }}" && echo it answers {{ .Values.text }}']
