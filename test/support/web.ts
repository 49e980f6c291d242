/**
 * A Deployment of two small web servers behind a Service. They answer with TEXT; READY=no makes them unready.
 */
export const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: alpine
          command: [python3, -c]
          args:
            - |
              import http.server, os
              class Handler(http.server.BaseHTTPRequestHandler):
                  def do_GET(self):
                      ready = self.path != "/ready" or os.environ.get("READY") != "no"
                      body = os.environ["TEXT"].encode()
                      self.send_response(200 if ready else 503)
                      self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
                  def log_message(self, *args): pass
              http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
          env: [{ name: TEXT, value: first }]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: http }]
`
