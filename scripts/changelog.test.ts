import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldFragments } from './changelog.ts'

test('fragments become the newest release, above the older ones', () => {
  const once = foldFragments('# Changelog\n\nIntroduction.\n', '1.0.0', ['first\nchange\n'])
  assert.equal(once, '# Changelog\n\nIntroduction.\n\n## 1.0.0\n\n- first\n  change\n')
  const twice = foldFragments(once, '1.1.0', ['a', 'b'])
  assert.equal(
    twice,
    '# Changelog\n\nIntroduction.\n\n## 1.1.0\n\n- a\n- b\n\n## 1.0.0\n\n- first\n  change\n',
  )
})
