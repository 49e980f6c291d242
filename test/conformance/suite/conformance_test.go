// The Gateway API's conformance suite as `npm run test:conformance` runs it. Its flags are the suite's own.
package conformance

import (
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/consts"
	"sigs.k8s.io/yaml"
)

// What each test has come to, by its short name; a test that did not run is not in it.
type outcomes struct {
	lock   sync.Mutex
	passed map[string]bool
}

var recorded = outcomes{passed: map[string]bool{}}

// TestConformance runs the tests. Those that the suite declares parallel run when this function has returned, before TestReport.
func TestConformance(t *testing.T) {
	t.Logf("suite %s", consts.BundleVersion)
	options := conformance.DefaultOptions(t)
	run, err := suite.NewConformanceTestSuite(options)
	require.NoError(t, err)
	all := make([]suite.ConformanceTest, len(tests.ConformanceTests))
	for i, test := range tests.ConformanceTests {
		all[i] = recording(test)
	}
	run.Setup(t, all)
	require.NoError(t, run.Run(t, all))
}

// TestReport writes the report of what TestConformance has found. The suite's own way would write it before the parallel tests
// have run and call them passed; so the results are played back to a second suite, which touches nothing in the cluster.
func TestReport(t *testing.T) {
	options := conformance.DefaultOptions(t)
	if options.ReportOutputPath == "" {
		t.Skip("no --report-output")
	}
	replay, err := suite.NewConformanceTestSuite(options)
	require.NoError(t, err)
	all := make([]suite.ConformanceTest, len(tests.ConformanceTests))
	for i, test := range tests.ConformanceTests {
		all[i] = replaying(test)
	}
	require.NoError(t, replay.Run(t, all))
	report, err := replay.Report()
	require.NoError(t, err)
	text, err := yaml.Marshal(report)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(options.ReportOutputPath, text, 0o644))
}

func recording(test suite.ConformanceTest) suite.ConformanceTest {
	original := test.Test
	name := test.ShortName
	test.Test = func(t *testing.T, s *suite.ConformanceTestSuite) {
		t.Cleanup(func() {
			recorded.lock.Lock()
			defer recorded.lock.Unlock()
			recorded.passed[name] = !t.Failed() && !t.Skipped()
		})
		original(t, s)
	}
	return test
}

func replaying(test suite.ConformanceTest) suite.ConformanceTest {
	name := test.ShortName
	test.Manifests = nil
	test.Parallel = false
	test.Test = func(t *testing.T, _ *suite.ConformanceTestSuite) {
		if !recorded.passed[name] {
			t.Errorf("%s has not passed", name)
		}
	}
	return test
}
