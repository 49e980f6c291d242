package clients

import (
	"context"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "clients.example.org/kept"

// copier is an operator in small: each ConfigMap that asks for it has a copy that it owns, and a finalizer.
type copier struct{ client client.Client }

func (c copier) Reconcile(ctx context.Context, request controllerruntime.Request) (controllerruntime.Result, error) {
	var original corev1.ConfigMap
	if err := c.client.Get(ctx, request.NamespacedName, &original); err != nil {
		return controllerruntime.Result{}, client.IgnoreNotFound(err)
	}
	if original.Labels["copy"] != "yes" {
		return controllerruntime.Result{}, nil
	}
	if !original.DeletionTimestamp.IsZero() {
		controllerutil.RemoveFinalizer(&original, finalizer)
		return controllerruntime.Result{}, c.client.Update(ctx, &original)
	}
	if controllerutil.AddFinalizer(&original, finalizer) {
		return controllerruntime.Result{}, c.client.Update(ctx, &original)
	}
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: original.Name + "-copy", Namespace: original.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, c.client, made, func() error {
		made.Data = original.Data
		return controllerutil.SetControllerReference(&original, made, c.client.Scheme())
	})
	return controllerruntime.Result{}, err
}

// controller-runtime's manager as most operators have it: a cache filled by list and watch with bookmarks, a leader
// lease, owner references, finalizers; over a kill of the API server.
func TestOperator(t *testing.T) {
	plain := clientset(t)
	ns := namespace(t, plain)
	ctx := background(t)
	log.SetLogger(logr.Discard())
	manager, err := controllerruntime.NewManager(configuration(t), controllerruntime.Options{
		Metrics:        server.Options{BindAddress: "0"},
		Cache:          cache.Options{DefaultNamespaces: map[string]cache.Config{ns: {}}},
		LeaderElection: true, LeaderElectionID: "copier", LeaderElectionNamespace: ns, LeaderElectionReleaseOnCancel: true,
	})
	must(t, err)
	must(t, controllerruntime.NewControllerManagedBy(manager).For(&corev1.ConfigMap{}).Owns(&corev1.ConfigMap{}).
		Complete(copier{manager.GetClient()}))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(running) }()

	maps := plain.CoreV1().ConfigMaps(ns)
	_, err = maps.Create(ctx, configMap("map", map[string]string{"copy": "yes"}, map[string]string{"a": "1"}), metav1.CreateOptions{})
	must(t, err)
	copied := func(value string) {
		t.Helper()
		eventually(t, "the copy", func() (bool, error) {
			found, err := maps.Get(ctx, "map-copy", metav1.GetOptions{})
			return err == nil && found.Data["a"] == value && found.OwnerReferences[0].Name == "map", nil
		})
	}
	copied("1")
	killAPIServer(t)
	untilAnswered(t, func() error {
		_, err := maps.Patch(ctx, "map", types.MergePatchType, []byte(`{"data":{"a":"2"}}`), metav1.PatchOptions{})
		return err
	})
	copied("2")
	must(t, maps.Delete(ctx, "map-copy", metav1.DeleteOptions{}))
	copied("2")
	must(t, maps.Delete(ctx, "map", metav1.DeleteOptions{}))
	eventually(t, "both to go: by the finalizer's removal, and by the garbage collector", func() (bool, error) {
		_, first := maps.Get(ctx, "map", metav1.GetOptions{})
		_, second := maps.Get(ctx, "map-copy", metav1.GetOptions{})
		return apierrors.IsNotFound(first) && apierrors.IsNotFound(second), nil
	})
	stop()
	must(t, <-ended)
}
