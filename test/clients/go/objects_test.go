package clients

import (
	"context"
	"encoding/json"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func TestTypedObjects(t *testing.T) {
	objectsOf(t, configuration(t))
}

// What kube-controller-manager and most operators are set to: requests are protobuf, answers as the server likes.
func TestTypedObjectsInProtobuf(t *testing.T) {
	config := configuration(t)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	objectsOf(t, config)
}

func objectsOf(t *testing.T, config *rest.Config) {
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	ns := namespace(t, client)
	ctx := background(t)
	services := client.CoreV1().Services(ns)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pier-"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	made, err := services.Create(ctx, service, metav1.CreateOptions{FieldValidation: "Strict"})
	must(t, err)
	if made.Spec.ClusterIP == "" || made.Spec.Ports[0].TargetPort.IntValue() != 80 || made.UID == "" {
		t.Fatalf("no defaults: %v", made)
	}
	_, err = services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: made.Name}}, metav1.CreateOptions{})
	refused(t, err, apierrors.IsInvalid, "spec.ports: Required value")
	service.GenerateName, service.Name = "", made.Name
	_, err = services.Create(ctx, service, metav1.CreateOptions{})
	refused(t, err, apierrors.IsAlreadyExists, `services "`+made.Name+`" already exists`)

	stale := made.DeepCopy()
	made.Labels = map[string]string{"deep": "yes"}
	made, err = services.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	stale.Labels = map[string]string{"deep": "no"}
	_, err = services.Update(ctx, stale, metav1.UpdateOptions{})
	refused(t, err, apierrors.IsConflict, "the object has been modified")
	must(t, retry.RetryOnConflict(retry.DefaultRetry, func() error {
		fresh, err := services.Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		fresh.Labels["deep"] = "no"
		_, err = services.Update(ctx, fresh, metav1.UpdateOptions{})
		return err
	}))
	tried, err := services.Patch(ctx, made.Name, types.StrategicMergePatchType,
		[]byte(`{"spec":{"ports":[{"port":81,"name":"more"}]}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	must(t, err)
	equal(t, "ports of a dry run", len(tried.Spec.Ports), 2)
	found, err := services.List(ctx, metav1.ListOptions{LabelSelector: "deep in (no)", FieldSelector: "metadata.name=" + made.Name})
	must(t, err)
	equal(t, "selected", len(found.Items), 1)
	equal(t, "ports afterwards", len(found.Items[0].Spec.Ports), 1)
	uid := types.UID("another")
	err = services.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	refused(t, err, apierrors.IsConflict, "the UID in the precondition (another) does not match the UID in record")
	must(t, services.Delete(ctx, made.Name, metav1.DeleteOptions{}))
	_, err = services.Get(ctx, made.Name, metav1.GetOptions{})
	refused(t, err, apierrors.IsNotFound, "not found")
}

func TestServerSideApply(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	labels := map[string]string{"app": "idle"}
	idle := func(replicas int32) *appsapply.DeploymentApplyConfiguration {
		container := coreapply.Container().WithName("main").WithImage("alpine").WithCommand("sleep", "3600")
		return appsapply.Deployment("idle", ns).WithSpec(appsapply.DeploymentSpec().
			WithReplicas(replicas).
			WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
			WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).
				WithSpec(coreapply.PodSpec().WithContainers(container))))
	}
	deployments := client.AppsV1().Deployments(ns)
	first := metav1.ApplyOptions{FieldManager: "first"}
	made, err := deployments.Apply(ctx, idle(0), first)
	must(t, err)
	again, err := deployments.Apply(ctx, idle(0), first)
	must(t, err)
	equal(t, "version after the same again", again.ResourceVersion, made.ResourceVersion)
	more := appsapply.Deployment("idle", ns).WithSpec(appsapply.DeploymentSpec().WithReplicas(1))
	_, err = deployments.Apply(ctx, more, metav1.ApplyOptions{FieldManager: "second"})
	refused(t, err, apierrors.IsConflict, `Apply failed with 1 conflict: conflict with "first": .spec.replicas`)
	forced, err := deployments.Apply(ctx, more, metav1.ApplyOptions{FieldManager: "second", Force: true})
	must(t, err)
	equal(t, "replicas", *forced.Spec.Replicas, 1)
	// What a manager has applied is read back from the managed fields: an operator's way to leave others' fields alone.
	own, err := appsapply.ExtractDeployment(forced, "second")
	must(t, err)
	if own.Spec == nil || own.Spec.Replicas == nil || own.Spec.Template != nil {
		text, _ := json.Marshal(own)
		t.Fatalf("extracted: %s", text)
	}
	released, err := deployments.Apply(ctx, appsapply.Deployment("idle", ns), metav1.ApplyOptions{FieldManager: "second"})
	must(t, err)
	equal(t, "replicas without an owner", *released.Spec.Replicas, 1)
}

func TestListsInPieces(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap(name, map[string]string{"piece": "yes"}, nil), metav1.CreateOptions{})
		must(t, err)
	}
	seen := ""
	lister := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		options.LabelSelector = "piece=yes"
		return client.CoreV1().ConfigMaps(ns).List(ctx, options)
	})
	lister.PageSize = 3
	must(t, lister.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		seen += object.(*corev1.ConfigMap).Name
		return nil
	}))
	equal(t, "names", seen, "abcdefg")
	page, err := client.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{Limit: 3, LabelSelector: "piece=yes"})
	must(t, err)
	if page.RemainingItemCount != nil { // Kubernetes does not count where it would have to filter
		t.Fatalf("%d items are said to be left", *page.RemainingItemCount)
	}
	must(t, client.CoreV1().ConfigMaps(ns).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "piece=yes"}))
}

func TestDiscoveryMapperAndDynamicClient(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	version, err := client.Discovery().ServerVersion()
	must(t, err)
	equal(t, "major version", version.Major, "1")
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	must(t, err)
	if len(lists) < 15 {
		t.Fatalf("only %d group versions", len(lists))
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	shortcuts := restmapper.NewShortcutExpander(mapper, client.Discovery(), nil)
	resource, err := shortcuts.ResourceFor(schema.GroupVersionResource{Resource: "deploy"})
	must(t, err)
	equal(t, "deploy", resource.String(), "apps/v1, Resource=deployments")
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "batch", Kind: "CronJob"})
	must(t, err)
	equal(t, "version of CronJob", mapping.Resource.Version, "v1")
	equal(t, "scope of CronJob", mapping.Scope.Name(), "namespace")
	_, err = mapper.RESTMapping(schema.GroupKind{Group: "batch", Kind: "Ship"})
	if err == nil {
		t.Fatal("there are no ships")
	}

	dynamicClient, err := dynamic.NewForConfig(configuration(t))
	must(t, err)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "untyped"}, "data": map[string]any{"a": "1"},
	}}
	maps := dynamicClient.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	_, err = maps.Create(ctx, object, metav1.CreateOptions{})
	must(t, err)
	applied, err := maps.Apply(ctx, "untyped", &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "untyped"}, "data": map[string]any{"b": "2"},
	}}, metav1.ApplyOptions{FieldManager: "tests"})
	must(t, err)
	value, _, _ := unstructured.NestedString(applied.Object, "data", "a")
	equal(t, "a", value, "1")
	_, err = dynamicClient.Resource(schema.GroupVersionResource{Group: "none", Version: "v1", Resource: "ships"}).List(ctx, metav1.ListOptions{})
	refused(t, err, apierrors.IsNotFound, "the server could not find the requested resource")

	metadataClient, err := metadata.NewForConfig(configuration(t))
	must(t, err)
	partial, err := metadataClient.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns).Get(ctx, "untyped", metav1.GetOptions{})
	must(t, err)
	equal(t, "managers of the metadata", len(partial.ManagedFields), 2)
}

func TestScaleClient(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	labels := map[string]string{"app": "idle"}
	_, err := client.AppsV1().Deployments(ns).Apply(ctx, appsapply.Deployment("idle", ns).WithSpec(appsapply.DeploymentSpec().
		WithReplicas(0).WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).WithSpec(coreapply.PodSpec().
			WithContainers(coreapply.Container().WithName("main").WithImage("alpine").WithCommand("sleep", "3600"))))),
		metav1.ApplyOptions{FieldManager: "tests"})
	must(t, err)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	scales, err := scale.NewForConfig(configuration(t), mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	must(t, err)
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	must(t, retry.RetryOnConflict(retry.DefaultRetry, func() error { // the controller writes the status meanwhile
		now, err := scales.Scales(ns).Get(ctx, deployments, "idle", metav1.GetOptions{})
		if err != nil {
			return err
		}
		equal(t, "selector", now.Status.Selector, "app=idle")
		now.Spec.Replicas = 2
		_, err = scales.Scales(ns).Update(ctx, deployments, now, metav1.UpdateOptions{})
		return err
	}))
	eventually(t, "two replicas", func() (bool, error) {
		found, err := scales.Scales(ns).Get(ctx, deployments, "idle", metav1.GetOptions{})
		return err == nil && found.Status.Replicas == 2, err
	})
	_, err = client.AppsV1().Deployments(ns).UpdateScale(ctx, "idle",
		&autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "idle", Namespace: ns}, Spec: autoscalingv1.ScaleSpec{Replicas: -1}}, metav1.UpdateOptions{})
	refused(t, err, apierrors.IsInvalid, "must be greater than or equal to 0")
	_, err = scales.Scales(ns).Get(ctx, schema.GroupResource{Resource: "configmaps"}, "kube-root-ca.crt", metav1.GetOptions{})
	if err == nil {
		t.Fatal("a ConfigMap has no scale")
	}
}
