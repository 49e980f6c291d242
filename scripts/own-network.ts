import { spawnSync } from 'node:child_process'

/**
 * Runs something in a network namespace made for it, so that a test's clusters meet neither each other nor the machine's
 * network. @param action gets the words to put before a command
 */
export async function inOwnNetwork(
  action: (enter: readonly [string, ...string[]]) => Promise<number>,
): Promise<number> {
  if (process.getuid?.() !== 0) return action(['env']) // without root the tests say themselves what they need
  const name = `lateen-test-${process.pid}`
  spawnSync('ip', ['netns', 'add', name])
  spawnSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  try {
    return await action(['nsenter', `--net=/run/netns/${name}`])
  } finally {
    spawnSync('ip', ['netns', 'delete', name])
  }
}
