import { spawnSync } from 'node:child_process'

let made = 0

/**
 * Runs something in a network namespace made for it, so that a test's clusters meet neither each other nor the machine's
 * network. What is left running in it is ended. @param action gets the words to put before a command
 */
export async function inOwnNetwork(
  action: (enter: readonly [string, ...string[]]) => Promise<number>,
): Promise<number> {
  if (process.getuid?.() !== 0) return action(['env']) // without root the tests say themselves what they need
  made += 1
  const name = `lateen-test-${process.pid}-${made}`
  spawnSync('ip', ['netns', 'add', name])
  spawnSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  try {
    return await action(['nsenter', `--net=/run/netns/${name}`])
  } finally {
    endProcessesIn(name)
    spawnSync('ip', ['netns', 'delete', name])
  }
}

/** A test that ran out of time has not taken its cluster down. */
function endProcessesIn(name: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
  for (const pid of stdout
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // it ended by itself meanwhile
    }
  }
}
