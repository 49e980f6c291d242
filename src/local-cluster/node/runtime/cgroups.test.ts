import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../../base/index.ts'
import { createCgroups, limitFiles, wasOutOfMemory } from './cgroups.ts'

const limited = (
  limits: Readonly<Record<string, string>>,
  requests: Readonly<Record<string, string>> = {},
) => ({
  name: 'c',
  resources: { limits, requests },
})

test('limits and requests in the kernel’s words', () => {
  assert.deepEqual(limitFiles(limited({ cpu: '500m', memory: '64Mi' })), [
    ['cpu.max', '50000 100000'],
    ['memory.max', String(64 * 1024 * 1024)],
    ['memory.swap.max', '0'],
    ['memory.oom.group', '1'],
  ])
  assert.deepEqual(limitFiles(limited({ cpu: '1m' })), [['cpu.max', '1000 100000']])
  assert.deepEqual(limitFiles(limited({}, { cpu: '1' })), [['cpu.weight', '39']])
  assert.deepEqual(limitFiles({ name: 'c' }), [])
})

test('a run gets a group of its own with the controllers that the machine offers', () => {
  const root = mkdtempSync(join(tmpdir(), 'lateen-cgroups-'))
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset memory\n')
  const cgroups = createCgroups({ clusterId: 'abc', logger: silentLogger, root })
  assert.equal(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8'), '+memory')
  const group = cgroups.create('pod-c-0', limited({ cpu: '1', memory: '1Ki' })) ?? ''
  assert.equal(readFileSync(join(group, 'memory.max'), 'utf8'), '1024')
  assert.throws(() => readFileSync(join(group, 'cpu.max')))
  cgroups.resize('pod-c-0', limited({ cpu: '1', memory: '2Ki' }))
  assert.equal(readFileSync(join(group, 'memory.max'), 'utf8'), '2048')
  assert.equal(cgroups.create('pod-d-0', { name: 'd' }), undefined)
  cgroups.resize('pod-d-0', limited({ memory: '1Ki' }))
  assert.equal(existsSync(join(root, 'lateen-abc', 'pod-d-0')), false)
  writeFileSync(join(group, 'memory.events'), 'low 0\noom 1\noom_kill 2\n')
  assert.equal(wasOutOfMemory(group), true)
  rmSync(root, { recursive: true })
})

test('a machine without them runs containers without limits', () => {
  const root = mkdtempSync(join(tmpdir(), 'lateen-cgroups-'))
  mkdirSync(join(root, 'sub'))
  const cgroups = createCgroups({ clusterId: 'abc', logger: silentLogger, root })
  assert.equal(cgroups.create('pod-c-0', limited({ cpu: '1' })), undefined)
  cgroups.remove('pod')
  rmSync(root, { recursive: true })
})
