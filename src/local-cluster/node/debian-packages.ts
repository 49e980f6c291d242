import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'

/** The Debian packages of programs that images have and a machine may not have. */
const PACKAGES: Readonly<Record<string, string>> = {
  ab: 'apache2-utils',
  bash: 'bash',
  busybox: 'busybox',
  curl: 'curl',
  dig: 'dnsutils',
  envsubst: 'gettext-base',
  ftp: 'ftp',
  git: 'git',
  go: 'golang-go',
  host: 'bind9-host',
  htop: 'htop',
  httpd: 'busybox',
  ifconfig: 'net-tools',
  iperf3: 'iperf3',
  java: 'default-jre-headless',
  jq: 'jq',
  memcached: 'memcached',
  mysql: 'mariadb-client',
  mysqld: 'mariadb-server',
  nc: 'netcat-openbsd',
  netcat: 'netcat-openbsd',
  netstat: 'net-tools',
  nginx: 'nginx-light',
  node: 'nodejs',
  npm: 'npm',
  nslookup: 'dnsutils',
  openssl: 'openssl',
  perl: 'perl',
  php: 'php-cli',
  pg_isready: 'postgresql-client',
  ping: 'iputils-ping',
  pip: 'python3-pip',
  postgres: 'postgresql',
  ps: 'procps',
  psql: 'postgresql-client',
  python: 'python3',
  python3: 'python3',
  'redis-cli': 'redis-tools',
  'redis-server': 'redis-server',
  rsync: 'rsync',
  ruby: 'ruby',
  screen: 'screen',
  socat: 'socat',
  sqlite3: 'sqlite3',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  strace: 'strace',
  stress: 'stress',
  'stress-ng': 'stress-ng',
  tcpdump: 'tcpdump',
  telnet: 'telnet',
  tini: 'tini',
  top: 'procps',
  traceroute: 'traceroute',
  unzip: 'unzip',
  vi: 'vim-tiny',
  vim: 'vim',
  watch: 'procps',
  wget: 'wget',
  xxd: 'xxd',
  zip: 'zip',
}

/** What to type so that the machine has the program. @returns undefined for a program of which nothing is known */
function installHint(program: string): string | undefined {
  const debianPackage = PACKAGES[basename(program)] ?? ''
  return debianPackage === '' ? undefined : `on Debian: apt-get install -y ${debianPackage}`
}

/** Adds the remedy to the setup's message about a program that the machine does not have. */
export function withInstallHint(message: string): string {
  const program = /^exec: "([^"]+)": (?:executable file not found|stat .*: no such file)/.exec(message)?.[1]
  if (program === undefined) return message
  const hint = installHint(program)
  const where = "containers run this machine's own programs"
  return `${message} (${where}${hint === undefined ? '' : `; ${hint}`})`
}

/** @param path a search path. @returns whether one of its directories has the program */
export function hasProgram(path: string, program: string): boolean {
  return path.split(':').some((directory) => existsSync(join(directory, program)))
}
