//go:build tools

// Package reference names the programs that Lateen's answers are compared with, so that this folder's go.mod pins them.
package reference

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
