import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResults, type TestEvent } from './results.ts'

const output = (Test: string, Output: string): TestEvent => ({ Action: 'output', Test, Output })
const end = (Action: string, Test: string, Elapsed = 1): TestEvent => ({ Action, Test, Elapsed })

function resultsOf(...events: readonly TestEvent[]) {
  const results = createResults()
  for (const event of events) results.take(event)
  return results.results()
}

test('the suite’s tests are those right below TestConformance', () => {
  const { tests, others } = resultsOf(
    end('pass', 'TestConformance/A/case'),
    end('pass', 'TestConformance/A', 2),
    end('skip', 'TestConformance/B'),
    end('pass', 'TestConformance'),
    end('pass', 'TestReport/A'),
    end('pass', 'TestReport'),
  )
  assert.deepEqual(
    tests.map(({ name, outcome, seconds }) => [name, outcome, seconds]),
    [
      ['A', 'pass', 2],
      ['B', 'skip', 1],
    ],
  )
  assert.deepEqual(
    others.map(({ name }) => name),
    ['TestConformance', 'TestReport'],
  )
})

test('a failure is told in the words of its assertions, those of its cases too', () => {
  const { tests } = resultsOf(
    output('TestConformance/A', '    helpers.go:12: polled\n'),
    output(
      'TestConformance/A/case',
      '        \tError Trace:\tx.go:1\n        \tError:      \tShould be true\n',
    ),
    output('TestConformance/A/case', '    http.go:3: polled again\n'),
    output('TestConformance/AB', '        \tError Trace:\tother\n'),
    end('fail', 'TestConformance/A/case'),
    end('fail', 'TestConformance/A'),
  )
  assert.match(tests[0]?.failure ?? '', /Should be true/)
  assert.doesNotMatch(tests[0]?.failure ?? '', /polled|other/)
})

test('a failure without assertions is told by the last lines', () => {
  const { others } = resultsOf(
    output('TestConformance', 'panic: nothing there\n'),
    end('fail', 'TestConformance'),
  )
  assert.match(others[0]?.failure ?? '', /nothing there/)
})
