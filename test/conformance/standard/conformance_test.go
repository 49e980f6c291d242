// The Gateway API's conformance suite of v1.4.1, for the features of the standard channel. Its flags are the suite's own.
package standard

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/pkg/features"
)

// TestConformance gives the suite what this version takes from code alone: addresses that a Gateway may ask for.
func TestConformance(t *testing.T) {
	options := conformance.DefaultOptions(t)
	address := v1.IPAddressType
	options.UsableNetworkAddresses = []v1beta1.GatewaySpecAddress{{Type: &address, Value: "10.44.0.200"}}
	options.UnusableNetworkAddresses = []v1beta1.GatewaySpecAddress{{Type: &address, Value: "198.51.100.1"}}
	if options.EnableAllSupportedFeatures {
		// With "all" this version asks for the experimental ones too, whatever is exempt.
		options.EnableAllSupportedFeatures = false
		options.SupportedFeatures = sets.New[features.FeatureName]()
		for feature := range features.AllFeatures {
			if feature.Channel == features.FeatureChannelStandard {
				options.SupportedFeatures.Insert(feature.Name)
			}
		}
	}
	conformance.RunConformanceWithOptions(t, options)
}
