//go:build tools

package standard

import _ "sigs.k8s.io/gateway-api/conformance/echo-basic"
