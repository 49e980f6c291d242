apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "harbour.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  progressDeadlineSeconds: 5
  selector:
    matchLabels: { app: {{ .Release.Name }} }
  template:
    metadata:
      labels: { app: {{ .Release.Name }} }
      annotations: { checksum/settings: {{ .Values.text | sha256sum }} }
    spec:
      serviceAccountName: {{ .Release.Name }}
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: python:3
          command: [python3, -m, http.server, "8080", --directory, /pages]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe:
            periodSeconds: 1
            httpGet: { path: {{ ternary "/index.html" "/missing.html" .Values.ready }}, port: http }
          volumeMounts: [{ name: pages, mountPath: /pages }]
      volumes: [{ name: pages, configMap: { name: {{ .Release.Name }} } }]
