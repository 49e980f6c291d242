import assert from 'node:assert/strict'
import { isCidr, isIp, parseIpv6, parseManifests, parseSchedule } from '../../src/kube/index.ts'
import { parseMediaType } from '../../src/local-cluster/apiserver/negotiate.ts'
import { parseResourcePath } from '../../src/local-cluster/apiserver/request.ts'
import { type FuzzTarget, textOf } from '../target.ts'

/** YAML files with objects of Kubernetes: every place that is told lies in the text. */
export const manifests: FuzzTarget = {
  seeds: [
    'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  ports:\n    - port: 80\n',
    'kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: { name: b }\n---\n# nothing\n',
    '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}',
    'a: &x [1, 2]\nb: *x\n<<: { c: 1 }\n',
  ],
  words: [
    '---\n',
    '&a ',
    '*a',
    '<<: ',
    '!!binary ',
    '- ',
    ': ',
    '"',
    "'",
    '|\n',
    '{',
    '}',
    '[',
    ']',
    'items:',
  ],
  check(input) {
    const text = textOf(input)
    const lines = text.split(/\r\n|\n|\r/)
    const { manifests: found, problems } = parseManifests(text)
    const places = [
      ...problems,
      ...found,
      ...found.map((one) => one.locate('spec.ports[0].port')),
      ...found.map((one) => one.locate('metadata.name')),
    ]
    for (const { line, column } of places) {
      assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`)
      assert.ok(column >= 1, `column ${column}`)
    }
    for (const { object } of found) assert.equal(typeof object.metadata.name, 'string')
  },
}

/** Schedules of CronJobs: what is taken names times that there are. */
export const schedules: FuzzTarget = {
  seeds: ['*/5 * * * *', '0 0 1 jan mon', '@every 1h30m', '@daily', '1-5,7/2 3 ? * 0', 'TZ=UTC 0 0 * * *'],
  words: ['*', '/', '-', ',', '?', ' ', '@every ', 'jan', 'sun', '59', '60', 'TZ=', 'CRON_TZ='],
  check(input) {
    const schedule = parseSchedule(textOf(input))
    if (!schedule.ok) {
      assert.notEqual(schedule.error, '')
      return
    }
    if (schedule.value.kind === 'every') {
      assert.ok(schedule.value.seconds >= 1)
      return
    }
    const { minutes, hours, daysOfMonth, months, daysOfWeek } = schedule.value
    const within = (set: ReadonlySet<number>, min: number, max: number) =>
      [...set].every((value) => Number.isInteger(value) && value >= min && value <= max)
    assert.ok(within(minutes, 0, 59) && within(hours, 0, 23) && within(daysOfMonth, 1, 31))
    assert.ok(within(months, 1, 12) && within(daysOfWeek, 0, 6))
  },
}

/** Addresses, paths and media types as requests carry them. */
export const requestParts: FuzzTarget = {
  seeds: [
    '2001:db8::1',
    '::ffff:192.0.2.1',
    'fd00::/8',
    '10.0.0.0/8',
    '/apis/apps/v1/namespaces/a/deployments/b/scale',
    '/api/v1/watch/namespaces/a/pods/b',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
  ],
  words: [
    '::',
    ':',
    '/',
    '.',
    '255',
    'ffff',
    '/api/v1',
    '/apis/',
    'namespaces',
    'watch',
    ';',
    '=',
    '%2f',
    '*/*',
  ],
  check(input) {
    const text = textOf(input)
    const bytes = parseIpv6(text)
    if (bytes !== undefined) assert.ok(bytes.length === 16 && isIp(text) && !isCidr(text))
    if (isCidr(text)) assert.ok(!isIp(text))
    const path = parseResourcePath(text)
    if (path !== undefined) JSON.stringify(path)
    JSON.stringify(parseMediaType(text))
  },
}
