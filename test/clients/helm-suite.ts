import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startCluster, type TestCluster, words } from '../support/cluster.ts'
import { type CommandResult, runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

/** Its templates end in `.tpl`, since they are no YAML before helm has seen them. */
const CHART = 'test/clients/chart'

interface HelmOptions {
  readonly program: string
  /** helm 4 applies on the server and follows each object's own status; 3 merges by itself and counts */
  readonly major: 3 | 4
}

/** What users do with charts, with a cluster of its own. The chart has what charts have: hooks, CRDs, lookups, a test. */
export function helmSuite({ program, major }: HelmOptions): void {
  let cluster: TestCluster
  let kubectl: TestCluster['kubectl']
  const tryHelm = (line: string): Promise<CommandResult> =>
    runCommand(program, words(line), {
      env: { KUBECONFIG: cluster.kubeconfig, HOME: cluster.stateDirectory },
    })
  const helm = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await tryHelm(line)
    assert.equal(status, 0, `helm ${line}\n${stdout}${stderr}`)
    return stdout
  }
  const refusal = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await tryHelm(line)
    assert.equal(status, 1, `helm ${line}\n${stdout}${stderr}`)
    return stderr
  }
  const revisions = async (name: string): Promise<readonly string[]> => {
    const history = JSON.parse(await helm(`history ${name} -o json`)) as readonly Revision[]
    return history.map(({ revision, status }) => `${revision} ${status}`)
  }
  const page = () => kubectl(`get configmap pier -o 'jsonpath={.data.index\\.html}'`)

  before(async () => {
    cluster = await startCluster()
    kubectl = cluster.kubectl
  })
  after(() => cluster.stop())

  describe(`helm ${major}`, () => {
    test('lint, template and values that do not fit the chart’s schema; a dry run before there are CRDs', async () => {
      assert.match(await helm(`lint ${CHART}`), /1 chart\(s\) linted, 0 chart\(s\) failed/)
      const rendered = await helm(`template pier ${CHART} --set text=ahoy`)
      assert.match(rendered, /index\.html: "ahoy"/)
      assert.doesNotMatch(rendered, /seen:/)
      const early = await refusal(`install pier ${CHART} --dry-run=server`)
      assert.match(
        early,
        /no matches for kind "Boat" in version "harbour\.example\.org\/v1"\nensure CRDs are/,
      )
      assert.equal(await helm('list -q'), '')
      assert.match(
        await refusal(`install pier ${CHART} --set text=`),
        /at '\/text': minLength: got 0, want 1/,
      )
    })

    test('install brings CRDs, runs the hook before and waits until all is ready', async () => {
      const installed = await helm(`install pier ${CHART} --wait --timeout 30s`)
      assert.match(installed, /STATUS: deployed\nREVISION: 1\n/)
      assert.match(installed, /pier is at http:\/\/pier\.default:80\//)
      assert.equal(await kubectl('logs job/pier-pre-install'), 'pre-install of revision 1\n')
      assert.equal(await kubectl('get deployment pier -o jsonpath={.status.readyReplicas}'), '1')
      assert.equal(await kubectl('get boat pier -o jsonpath={.spec.sails}'), '1')
      assert.equal(await kubectl('get poddisruptionbudget pier -o jsonpath={.spec.maxUnavailable}'), '1')
      assert.match(await refusal(`install pier ${CHART}`), /cannot re-?use a name that is still in use/)
    })

    test('list, status, get and the chart’s own test tell how the release stands', async () => {
      assert.match(
        await helm('list --no-headers'),
        /^pier\s+default\s+1\s.*\sdeployed\s+harbour-1\.0\.0\s+2\.0/,
      )
      const status = await helm('status pier')
      assert.match(status, /STATUS: deployed/)
      if (major === 4) assert.match(status, /==> v1\/Deployment\nNAME\s+READY.*\npier\s+1\/1/)
      assert.match(await helm('get manifest pier'), /kind: Deployment/)
      assert.match(await helm('get hooks pier'), /helm\.sh\/hook: post-upgrade/)
      assert.match(await helm('get values pier --all'), /text: first/)
      const tested = await helm('test pier --logs --timeout 20s')
      assert.match(tested, /Phase:\s+Succeeded/)
      assert.match(tested, /it answers first/)
    })

    test('a dry run on the server sees what is there, and changes nothing', async () => {
      const tried = await helm(`upgrade pier ${CHART} --set text=never --dry-run=server`)
      assert.match(tried, /seen: kube-system/)
      assert.match(tried, /index\.html: "never"/)
      const password = await kubectl('get secret pier-password -o jsonpath={.data.password}')
      assert.ok(tried.includes(`password: ${password}\n`))
      assert.equal(await page(), 'first')
      assert.deepEqual(await revisions('pier'), ['1 deployed'])
    })

    test('upgrade changes what changed, keeps what it looked up, and runs the hook afterwards', async () => {
      const password = await kubectl('get secret pier-password -o jsonpath={.data.password}')
      await helm(`upgrade pier ${CHART} --set text=second,replicas=2 --wait --timeout 30s`)
      assert.equal(await page(), 'second')
      assert.equal(await kubectl('get deployment pier -o jsonpath={.status.readyReplicas}'), '2')
      assert.equal(await kubectl('logs job/pier-post-upgrade'), 'post-upgrade of revision 2\n')
      assert.equal(await kubectl('get secret pier-password -o jsonpath={.data.password}'), password)
      await kubectl('scale deployment pier --replicas=0')
      await helm(`upgrade --install pier ${CHART} --reuse-values${major === 4 ? ' --force-conflicts' : ''}`)
      assert.equal(await kubectl('get deployment pier -o jsonpath={.spec.replicas}'), '2')
      assert.match(await refusal(`upgrade nobody ${CHART}`), /"nobody" has no deployed releases/)
    })

    test('an upgrade that does not become ready is taken back', async () => {
      const atomic = major === 4 ? '--rollback-on-failure' : '--atomic'
      const said = await refusal(`upgrade pier ${CHART} --set ready=false ${atomic} --timeout 3s`)
      assert.match(said, /release pier failed, and has been rolled back/)
      assert.deepEqual((await revisions('pier')).slice(-3), ['3 superseded', '4 failed', '5 deployed'])
      assert.equal(await page(), 'second')
    })

    test('rollback goes to a revision, and not to one that never was', async () => {
      await helm('rollback pier 1 --wait --timeout 30s')
      assert.equal(await page(), 'first')
      assert.deepEqual((await revisions('pier')).slice(-2), ['5 superseded', '6 deployed'])
      assert.match(await refusal('rollback pier 99'), /release has no 99 version/)
    })

    test('what the API server refuses is told in its words, and the release is known as failed', async () => {
      const kind = await refusal(`install bad ${CHART} --set broken=kind`)
      assert.match(kind, /no matches for kind "Ship" in version "harbour\.example\.org\/v1"\nensure CRDs are/)
      const value = await refusal(`install bad ${CHART} --set broken=value`)
      assert.match(
        value,
        /Service "bad-broken" is invalid: \[?spec\.ports\[0\]\.port: Invalid value: 700000: must be between 1 and 65535, inclusive/,
      )
      assert.deepEqual(await revisions('bad'), ['1 failed'])
      await helm('uninstall bad')
      if (major === 4) {
        const field = await refusal(`install bad ${CHART} --set broken=field`)
        assert.match(field, /\.spec\.ports\[port=80,protocol="TCP"\]\.colour: field not declared in schema/)
        await helm('uninstall bad')
      }
      const hook = await refusal(`install bad ${CHART} --set blessed=false --timeout 20s`)
      assert.match(hook, /failed pre-install: .*bad-pre-install (?:not ready|failed)/s)
      await helm('uninstall bad')
      assert.match(await refusal('uninstall bad'), /bad: release: not found|"bad" not found/)
      assert.match(await refusal('status bad'), /release: not found|"bad" not found/)
    })

    test('two upgrades at a time: the second is told of the first', async () => {
      const first = tryHelm(`upgrade pier ${CHART} --set ready=false --wait --timeout 3s`)
      await waitFor('the first', async () => (await revisions('pier')).at(-1) === '7 pending-upgrade')
      assert.match(
        await refusal(`upgrade pier ${CHART}`),
        /another operation \(install\/upgrade\/rollback\) is in progress/,
      )
      assert.equal((await first).status, 1)
      assert.equal((await revisions('pier')).at(-1), '7 failed')
    })

    test('uninstall takes everything away but CRDs and finished hooks', async () => {
      assert.match(await helm('uninstall pier --wait --timeout 30s'), /release "pier" uninstalled/)
      const left = 'get deployments,services,configmaps,secrets,serviceaccounts,pdb,boats -o name'
      assert.doesNotMatch(await kubectl(left), /pier/)
      assert.match(await kubectl('get customresourcedefinitions -o name'), /boats\.harbour\.example\.org/)
      assert.match(await kubectl('get jobs -o name'), /job\.batch\/pier-post-upgrade/)
      assert.equal(await helm('list -q'), '')
    })
  })
}

interface Revision {
  readonly revision: number
  readonly status: string
}
