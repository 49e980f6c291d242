package clients

import (
	"context"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Two candidates for a lease: the one that leads is cut off, as by kill -9, and the other takes over when the lease has
// run out. A third that ends in order gives the lease back, so that nobody has to wait.
func TestLeaderElection(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	leading := make(chan string, 10)
	candidate := func(name string, release bool) context.CancelFunc {
		ctx, cancel := context.WithCancel(ctx)
		lock, err := resourcelock.New(resourcelock.LeasesResourceLock, ns, "helm", client.CoreV1(), client.CoordinationV1(),
			resourcelock.ResourceLockConfig{Identity: name})
		must(t, err)
		go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: release,
			LeaseDuration: 4 * time.Second, RenewDeadline: 3500 * time.Millisecond, RetryPeriod: 100 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leading <- name },
				OnStoppedLeading: func() {},
			},
		})
		return cancel
	}
	kill := candidate("first", false)
	equal(t, "leader", <-leading, "first")
	end := candidate("second", true)
	time.Sleep(300 * time.Millisecond) // it tries three times meanwhile, in vain
	equal(t, "others that lead", len(leading), 0)
	kill()
	equal(t, "leader after the first was killed", <-leading, "second")
	lease := func() *coordinationv1.Lease {
		found, err := client.CoordinationV1().Leases(ns).Get(ctx, "helm", metav1.GetOptions{})
		must(t, err)
		return found
	}
	equal(t, "holder", *lease().Spec.HolderIdentity, "second")
	equal(t, "transitions", *lease().Spec.LeaseTransitions, 1)
	renewed := lease().Spec.RenewTime.Time
	killAPIServer(t) // shorter away than the lease lasts: nobody loses it
	eventually(t, "the lease to be renewed", func() (bool, error) {
		found, err := client.CoordinationV1().Leases(ns).Get(ctx, "helm", metav1.GetOptions{})
		return err == nil && found.Spec.RenewTime.Time.After(renewed), nil
	})
	equal(t, "holder afterwards", *lease().Spec.HolderIdentity, "second")
	candidate("third", true)
	end()
	equal(t, "leader after the second has ended", <-leading, "third")
}
