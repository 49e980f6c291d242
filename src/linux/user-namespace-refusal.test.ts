import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainRefusal, type Refusal } from './user-namespace-refusal.ts'

const SOUND = { 'user.max_user_namespaces': '63432', 'user.max_net_namespaces': '63432' }

test('a limit of 0 is named with the command that lifts it', () => {
  const text = explainRefusal(refusal({ 'user.max_user_namespaces': '0' }))
  assert.match(text, /user\.max_user_namespaces is 0/)
  assert.match(text, /sudo sysctl -w user\.max_user_namespaces=15000/)
  assert.match(explainRefusal(refusal({ ...SOUND, 'user.max_net_namespaces': '0' })), /max_net_namespaces=/)
})

test("Debian's and Ubuntu's own switches are named", () => {
  const debian = explainRefusal(refusal({ ...SOUND, 'kernel.unprivileged_userns_clone': '0' }))
  assert.match(debian, /sysctl -w kernel\.unprivileged_userns_clone=1/)
  const ubuntu = explainRefusal(refusal({ ...SOUND, 'kernel.apparmor_restrict_unprivileged_userns': '1' }))
  assert.match(ubuntu, /AppArmor/)
  assert.match(ubuntu, /sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/)
})

test('in a container the option of the container engine is named', () => {
  const filtered = explainRefusal({ ...refusal(SOUND), isFiltered: true })
  assert.match(filtered, /seccomp=unconfined/)
  assert.match(explainRefusal({ ...refusal(SOUND), step: 'proc' }), /systempaths=unconfined/)
})

test('a kernel without user namespaces, and a reason that nobody has foreseen, end in sudo', () => {
  assert.match(explainRefusal(refusal({})), /CONFIG_USER_NS.*sudo/)
  assert.match(explainRefusal(refusal(SOUND)), /unshare: No wonder\. Run the command with sudo/)
})

function refusal(settings: Readonly<Record<string, string>>): Refusal {
  return {
    step: 'namespaces',
    words: 'unshare: No wonder',
    setting: (name) => settings[name],
    isFiltered: false,
  }
}
