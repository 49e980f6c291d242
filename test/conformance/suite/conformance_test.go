// The Gateway API's conformance suite as `npm run test:conformance` runs it. Its flags are the suite's own.
package conformance

import (
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/consts"
	"sigs.k8s.io/gateway-api/pkg/features"
	"sigs.k8s.io/yaml"
)

// The suite's own --conformance-profiles says only what is reported; with this the features of those profiles are all that is tried.
var onlyProfiles = flag.Bool("only-profiles", false, "try the features of the given profiles and no others")

var profiles = map[suite.ConformanceProfileName]suite.ConformanceProfile{
	suite.GatewayHTTPConformanceProfileName: suite.GatewayHTTPConformanceProfile,
	suite.GatewayTLSConformanceProfileName:  suite.GatewayTLSConformanceProfile,
	suite.GatewayGRPCConformanceProfileName: suite.GatewayGRPCConformanceProfile,
	suite.GatewayTCPConformanceProfileName:  suite.GatewayTCPConformanceProfile,
	suite.GatewayUDPConformanceProfileName:  suite.GatewayUDPConformanceProfile,
	suite.MeshHTTPConformanceProfileName:    suite.MeshHTTPConformanceProfile,
	suite.MeshGRPCConformanceProfileName:    suite.MeshGRPCConformanceProfile,
}

// What each test has come to, by its short name; a test that did not run is not in it.
type outcomes struct {
	lock   sync.Mutex
	passed map[string]bool
}

var recorded = outcomes{passed: map[string]bool{}}

// TestConformance runs the tests. Those that the suite declares parallel run when this function has returned, before TestReport.
func TestConformance(t *testing.T) {
	t.Logf("suite %s", consts.BundleVersion)
	options := chosenOptions(t)
	run, err := suite.NewConformanceTestSuite(options)
	require.NoError(t, err)
	all := make([]suite.ConformanceTest, len(tests.ConformanceTests))
	for i, test := range tests.ConformanceTests {
		all[i] = recording(test)
	}
	setUp(t, run, all)
	require.NoError(t, run.Run(t, all))
}

// TestReport writes the report of what TestConformance has found. The suite's own way would write it before the parallel tests
// have run and call them passed; so the results are played back to a second suite, which touches nothing in the cluster.
func TestReport(t *testing.T) {
	options := chosenOptions(t)
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

func chosenOptions(t *testing.T) suite.ConformanceOptions {
	options := conformance.DefaultOptions(t)
	if !*onlyProfiles {
		return options
	}
	options.EnableAllSupportedFeatures = false
	for _, name := range options.ConformanceProfiles {
		profile, known := profiles[name]
		require.True(t, known, "there is no profile %s", name)
		options.SupportedFeatures = append(options.SupportedFeatures, profile.CoreFeatures.Union(profile.ExtendedFeatures).UnsortedList()...)
	}
	return options
}

// setUp makes what all tests need. The mesh's part waits for pods that only the gateways' part makes, so both are always made.
func setUp(t *testing.T, run *suite.ConformanceTestSuite, all []suite.ConformanceTest) {
	chosen := run.SupportedFeatures
	run.SupportedFeatures = chosen.Clone().Insert(features.SupportGateway)
	run.Setup(t, all)
	run.SupportedFeatures = chosen
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

// TestSupportedFeatures holds the GatewayClass to what TestConformance has shown; the mesh's own features have no place in it.
func TestSupportedFeatures(t *testing.T) {
	options := conformance.DefaultOptions(t)
	class := &gatewayv1.GatewayClass{}
	require.NoError(t, options.Client.Get(t.Context(), types.NamespacedName{Name: options.GatewayClassName}, class))
	said := sets.New[string]()
	for _, feature := range class.Status.SupportedFeatures {
		said.Insert(string(feature.Name))
	}
	ofMesh := features.SetsToNamesSet(features.MeshCoreFeatures, features.MeshExtendedFeatures)
	served := sets.New[string]()
	for feature := range features.AllFeatures {
		if !ofMesh.Has(feature.Name) {
			served.Insert(string(feature.Name))
		}
	}
	require.Equal(t, sets.List(served), sets.List(said))
}
