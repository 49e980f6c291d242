//go:build tools

// Package h2spec names the program that checks Lateen's HTTP/2 against the RFCs, so that this folder's go.mod pins it.
package h2spec

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
)
