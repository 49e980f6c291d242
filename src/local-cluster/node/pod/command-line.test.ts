import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findProgram, GENERAL_PURPOSE_IMAGES } from '../index.ts'
import { commandLine } from './command-line.ts'

const PATH = '/usr/bin:/bin'

function line(image: string, args: readonly string[] | undefined, command: readonly string[] = []) {
  const program = findProgram(GENERAL_PURPOSE_IMAGES, image)
  assert.ok(program !== undefined && program.kind !== 'hosted' && program.kind !== 'capture')
  return commandLine(program, { command, args, path: PATH }).join(' ')
}

test('options and files are for the image’s own program, as with the entry points of the images', () => {
  assert.equal(line('curlimages/curl:8.1', ['http://web']), 'curl http://web')
  assert.equal(line('curlimages/curl', ['-s', 'web']), 'curl -s web')
  assert.equal(line('node:22-alpine', ['server.js']), 'node server.js')
  assert.equal(line('python:3.12', ['/scripts/run.py', 'x']), 'python3 /scripts/run.py x')
  assert.equal(line('nginx', undefined), 'nginx -g daemon off;')
})

test('another program of the machine takes the place of the image’s own', () => {
  assert.equal(line('node:22', ['env']), 'env')
  assert.equal(line('redis', ['env', 'A=b']), 'env A=b')
  assert.equal(line('busybox', ['env']), 'env')
})

test('redis answers other pods, as its image does, unless it is told otherwise', () => {
  assert.equal(line('redis:7', undefined), 'redis-server --protected-mode no')
  assert.equal(line('redis:7', ['/etc/redis.conf']), 'redis-server /etc/redis.conf --protected-mode no')
  assert.equal(line('redis', ['--port', '1'], ['redis-server']), 'redis-server --port 1 --protected-mode no')
  assert.equal(line('redis', ['--protected-mode', 'yes']), 'redis-server --protected-mode yes')
})

test('a container’s command stands for itself with every image', () => {
  assert.equal(line('nginx', ['b'], ['/opt/a']), '/opt/a b')
  assert.equal(line('busybox', ['b'], ['cat']), 'cat b')
})
