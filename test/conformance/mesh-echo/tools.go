//go:build tools

// Package meshecho names the programs of Istio's echo image, so that go.mod and go.sum fix what they are built from.
package meshecho

import (
	_ "istio.io/istio/pkg/test/echo/cmd/client"
	_ "istio.io/istio/pkg/test/echo/cmd/server"
)
