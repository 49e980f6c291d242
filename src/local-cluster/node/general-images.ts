import type { ImageEntry, ImageFile, ImageProgram } from './images.ts'

type MachineProgram = Extract<ImageProgram, { readonly kind: 'machine' }>

/** Images of which any program of the machine may be wanted: a shell where the container names none. */
const SHELL_IMAGES = [
  'alpine',
  'bash',
  'busybox',
  'debian',
  'fedora',
  'nicolaka/netshoot',
  'registry.k8s.io/busybox',
  'registry.k8s.io/e2e-test-images/busybox',
  'registry.k8s.io/e2e-test-images/jessie-dnsutils',
  'gcr.io/google-containers/busybox',
  'quay.io/libpod/alpine',
  'rockylinux',
  'ubuntu',
] as const

/** As the official image has it, so that what people mount over single files finds its place. */
const NGINX_FILES: readonly ImageFile[] = [
  {
    path: '/etc/nginx/nginx.conf',
    content: `user www-data;
worker_processes auto;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events {
    worker_connections 1024;
}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" '
                    '"$http_user_agent" "$http_x_forwarded_for"';
    access_log /dev/stdout main;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
`,
  },
  {
    path: '/etc/nginx/conf.d/default.conf',
    content: `server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
    error_page 500 502 503 504 /50x.html;
    location = /50x.html {
        root /usr/share/nginx/html;
    }
}
`,
  },
]

const NGINX: MachineProgram = {
  kind: 'machine',
  program: 'nginx',
  args: ['-g', 'daemon off;'],
  debianPackage: 'nginx-light',
  files: NGINX_FILES,
}

/** Images whose programs are the machine's own. */
export const GENERAL_PURPOSE_IMAGES: readonly ImageEntry[] = [
  ...SHELL_IMAGES.map((pattern) => ({ pattern, program: { kind: 'shell' } as const })),
  ...['curlimages/curl', 'alpine/curl'].map((pattern) => entry(pattern, 'curl', 'curl', ['--help'])),
  { pattern: 'nginx', program: NGINX },
  { pattern: 'registry.k8s.io/nginx-slim', program: NGINX },
  {
    pattern: 'redis',
    // The image's own build leaves protected mode off: whoever reaches the pod may ask it.
    program: {
      kind: 'machine',
      program: 'redis-server',
      args: [],
      always: ['--protected-mode', 'no'],
      debianPackage: 'redis-server',
      workingDir: '/data',
    },
  },
  entry('python', 'python3', 'python3'),
  entry('node', 'node', 'nodejs'),
  entry('perl', 'perl', 'perl'),
  entry('ruby', 'ruby', 'ruby'),
  entry('php', 'php', 'php-cli', ['-a']),
  entry('golang', 'go', 'golang-go'),
  entry('eclipse-temurin', 'java', 'default-jre-headless'),
  entry('memcached', 'memcached', 'memcached', ['-u', 'nobody']),
  ...['registry.k8s.io/pause', 'pause'].map((pattern) => ({ pattern, program: { kind: 'pause' } as const })),
]

function entry(
  pattern: string,
  program: string,
  debianPackage: string,
  args: readonly string[] = [],
): ImageEntry {
  return { pattern, program: { kind: 'machine', program, args, debianPackage } }
}
