import assert from 'node:assert/strict'
import type { TestCluster } from './cluster.ts'

export const DEMO = 'samples/demo'

/**
 * Installs the mesh and deploys the demo application with its gateway. @returns the gateway's address
 * @param settings of the installation, `name=value`
 */
export async function installDemo(cluster: TestCluster, settings: readonly string[] = []): Promise<string> {
  const more = settings.map((setting) => ` --set ${setting}`).join('')
  const installed = await cluster.lateen(`install --set profile=default${more} -y`, { timeoutMs: 120_000 })
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  await cluster.kubectl('create namespace demo')
  await cluster.kubectl('label namespace demo istio-injection=enabled')
  await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/gateway.yaml -n demo`)
  await cluster.kubectl(`create -k ${DEMO}/kube/demo/environments/demo`)
  await cluster.kubectl('wait deployments --all --for=condition=Available -n demo --timeout=90s')
  await cluster.kubectl('wait gateway/demo-app-gateway --for=condition=Programmed -n demo --timeout=60s')
  return cluster.kubectl('get gateway demo-app-gateway -n demo -o jsonpath={.status.addresses[0].value}')
}
