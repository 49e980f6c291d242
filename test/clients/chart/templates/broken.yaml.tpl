{{- if eq .Values.broken "kind" }}
apiVersion: harbour.example.org/v1
kind: Ship
metadata: { name: {{ .Release.Name }} }
{{- else if eq .Values.broken "field" }}
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }}-broken }
spec: { ports: [{ port: 80, colour: red }] }
{{- else if eq .Values.broken "value" }}
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }}-broken }
spec: { ports: [{ port: 700000 }] }
{{- end }}
