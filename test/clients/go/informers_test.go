package clients

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// story is what an informer's handler was told: one line for each event, and whether versions went backwards.
type story struct {
	mutex    sync.Mutex
	events   map[string][]string
	versions map[string]uint64
	resyncs  int
	faults   []string
}

func newStory() *story {
	return &story{events: map[string][]string{}, versions: map[string]uint64{}}
}

func (r *story) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { r.note("add", object) },
		UpdateFunc: func(before, object any) {
			if version(before) == version(object) {
				r.mutex.Lock()
				r.resyncs++
				r.mutex.Unlock()
				return
			}
			r.note("update", object)
		},
		DeleteFunc: func(object any) { r.note("delete", object) },
	}
}

func (r *story) note(verb string, object any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		r.faults = append(r.faults, err.Error())
		return
	}
	name, now := accessor.GetName(), version(object)
	if now <= r.versions[name] && verb != "delete" {
		r.faults = append(r.faults, fmt.Sprintf("%s %s: version %d after %d", verb, name, now, r.versions[name]))
	}
	r.versions[name] = now
	r.events[name] = append(r.events[name], verb)
}

// told is every name with what happened to it, in order.
func (r *story) told(prefix string) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	lines := []string{}
	for name, verbs := range r.events {
		if strings.HasPrefix(name, prefix) {
			lines = append(lines, name+": "+strings.Join(verbs, " "))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (r *story) fail(t *testing.T) {
	t.Helper()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.faults) > 0 {
		t.Fatalf("%v", r.faults)
	}
}

func version(object any) uint64 {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return 0
	}
	number, _ := strconv.ParseUint(accessor.GetResourceVersion(), 10, 64)
	return number
}

func TestSharedInformerWithResync(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 1100*time.Millisecond, informers.WithNamespace(ns))
	maps := factory.Core().V1().ConfigMaps()
	seen := newStory()
	_, err := maps.Informer().AddEventHandler(seen.handler())
	must(t, err)
	must(t, maps.Informer().AddIndexers(cache.Indexers{"colour": func(object any) ([]string, error) {
		return []string{object.(*corev1.ConfigMap).Data["colour"]}, nil
	}}))
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	write := client.CoreV1().ConfigMaps(ns)
	_, err = write.Create(ctx, configMap("one", nil, map[string]string{"colour": "red"}), metav1.CreateOptions{})
	must(t, err)
	_, err = write.Patch(ctx, "one", types.MergePatchType, []byte(`{"data":{"colour":"blue"}}`), metav1.PatchOptions{})
	must(t, err)
	eventually(t, "the index to follow", func() (bool, error) {
		found, err := maps.Informer().GetIndexer().ByIndex("colour", "blue")
		return len(found) == 1, err
	})
	listed, err := maps.Lister().ConfigMaps(ns).Get("one")
	must(t, err)
	equal(t, "from the cache", listed.Data["colour"], "blue")
	must(t, write.Delete(ctx, "one", metav1.DeleteOptions{}))
	eventually(t, "the deletion", func() (bool, error) { return seen.told("one") == "one: add update delete", nil })
	eventually(t, "a resync", func() (bool, error) {
		seen.mutex.Lock()
		defer seen.mutex.Unlock()
		return seen.resyncs > 0, nil
	})
	seen.fail(t)
}

// The list comes as events of the watch, with a bookmark at its end: what client-go prefers where the server can.
func TestInformerByWatchList(t *testing.T) {
	if !features.FeatureGates().Enabled(features.WatchListClient) {
		t.Fatal("this client-go does not use watch lists by itself")
	}
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	for index := range 50 {
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap(fmt.Sprintf("listed-%02d", index), nil, nil), metav1.CreateOptions{})
		must(t, err)
	}
	lists := 0
	listWatch := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			lists++
			return client.CoreV1().ConfigMaps(ns).List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.CoreV1().ConfigMaps(ns).Watch(ctx, options)
		},
	}, client)
	seen := newStory()
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: listWatch, ObjectType: &corev1.ConfigMap{}, Handler: seen.handler(),
	})
	go controller.RunWithContext(ctx)
	eventually(t, "the initial events", func() (bool, error) { return controller.HasSynced(), nil })
	equal(t, "names", strings.Count(seen.told("listed-"), "add"), 50)
	equal(t, "plain lists", lists, 0)
	seen.fail(t)
}

func TestInformerOverAKilledAPIServer(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	config := configuration(t)
	dynamicClient, err := dynamic.NewForConfig(config)
	must(t, err)
	metadataClient, err := metadata.NewForConfig(config)
	must(t, err)
	resource := corev1.SchemeGroupVersion.WithResource("configmaps")
	typed, untyped, metadataOnly := newStory(), newStory(), newStory()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	_, err = factory.Core().V1().ConfigMaps().Informer().AddEventHandler(typed.handler())
	must(t, err)
	dynamicFactory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient, 0, ns, nil)
	_, err = dynamicFactory.ForResource(resource).Informer().AddEventHandler(untyped.handler())
	must(t, err)
	metadataFactory := metadatainformer.NewFilteredSharedInformerFactory(metadataClient, 0, ns, nil)
	_, err = metadataFactory.ForResource(resource).Informer().AddEventHandler(metadataOnly.handler())
	must(t, err)
	factory.Start(ctx.Done())
	dynamicFactory.Start(ctx.Done())
	metadataFactory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	dynamicFactory.WaitForCacheSync(ctx.Done())
	metadataFactory.WaitForCacheSync(ctx.Done())

	write := client.CoreV1().ConfigMaps(ns)
	expected := []string{}
	for index := range 60 {
		if index == 15 || index == 40 {
			killAPIServer(t)
		}
		name := fmt.Sprintf("event-%02d", index)
		untilAnswered(t, func() error {
			_, err := write.Create(ctx, configMap(name, nil, nil), metav1.CreateOptions{})
			return err
		})
		told := "add"
		// A patch to what is there already changes nothing, so that its repetition makes no event.
		if index%2 == 0 {
			untilAnswered(t, func() error {
				_, err := write.Patch(ctx, name, types.MergePatchType, []byte(`{"data":{"changed":"yes"}}`), metav1.PatchOptions{})
				return err
			})
			told += " update"
		}
		if index%3 == 0 {
			untilAnswered(t, func() error { return write.Delete(ctx, name, metav1.DeleteOptions{}) })
			told += " delete"
		}
		expected = append(expected, name+": "+told)
	}
	for kind, seen := range map[string]*story{"typed": typed, "dynamic": untyped, "metadata": metadataOnly} {
		eventually(t, "the last event of the "+kind+" informer", func() (bool, error) {
			return strings.HasSuffix(seen.told("event-"), expected[59]), nil
		})
		equal(t, kind, seen.told("event-"), strings.Join(expected, "\n"))
		seen.fail(t)
	}
}

// A watch that is resumed by whoever holds it, as command-line tools wait for conditions.
func TestWatchIsResumed(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	maps := client.CoreV1().ConfigMaps(ns)
	first, err := maps.Create(ctx, configMap("first", nil, nil), metav1.CreateOptions{})
	must(t, err)
	listWatch := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return maps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return maps.Watch(ctx, options)
		},
	}
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, first.ResourceVersion, listWatch)
	must(t, err)
	defer watcher.Stop()
	for index := range 10 {
		if index == 5 {
			killAPIServer(t)
		}
		name := fmt.Sprintf("later-%d", index)
		untilAnswered(t, func() error {
			_, err := maps.Create(ctx, configMap(name, nil, nil), metav1.CreateOptions{})
			return err
		})
		event := <-watcher.ResultChan()
		equal(t, "event", fmt.Sprint(event.Type, " ", event.Object.(*corev1.ConfigMap).Name), "ADDED "+name)
	}
	synced, err := watchtools.UntilWithSync(ctx, listWatch, &corev1.ConfigMap{}, nil, func(event watch.Event) (bool, error) {
		return event.Object.(*corev1.ConfigMap).Name == "later-9", nil
	})
	must(t, err)
	equal(t, "until", synced.Type, watch.Added)
	_, err = maps.Watch(ctx, metav1.ListOptions{ResourceVersion: "odd"})
	// Kubernetes gives this refusal of a watch no reason, only its text.
	unexplained := func(err error) bool { return apierrors.ReasonForError(err) == metav1.StatusReasonUnknown }
	refused(t, err, unexplained, `resourceVersion: Invalid value: "odd"`)
}

func TestBookmarksOfAWatch(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	yes, seconds := true, int64(1)
	_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap("one", nil, nil), metav1.CreateOptions{})
	must(t, err)
	watcher, err := client.CoreV1().ConfigMaps(ns).Watch(ctx, metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, FieldSelector: "metadata.name=one",
	})
	must(t, err)
	told := []string{}
	for event := range watcher.ResultChan() {
		object := event.Object.(*corev1.ConfigMap)
		told = append(told, fmt.Sprint(event.Type, object.Name, object.Annotations[metav1.InitialEventsAnnotationKey]))
	}
	equal(t, "events", strings.Join(told, " "), "ADDEDone BOOKMARKtrue")
}

func TestCustomResourceWithADynamicInformer(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	dynamicClient, err := dynamic.NewForConfig(configuration(t))
	must(t, err)
	definitions := dynamicClient.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err = definitions.Create(ctx, boatDefinition(), metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = definitions.Delete(context.Background(), "boats.clients.example.org", metav1.DeleteOptions{})
	})
	boatResource := schema.GroupVersionResource{Group: "clients.example.org", Version: "v1", Resource: "boats"}
	seen := newStory()
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient, 0, ns, nil)
	_, err = factory.ForResource(boatResource).Informer().AddEventHandler(seen.handler())
	must(t, err)
	factory.Start(ctx.Done()) // before the kind is served: it finds it later
	boats := dynamicClient.Resource(boatResource).Namespace(ns)
	boat := func(name string, sails any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "clients.example.org/v1", "kind": "Boat",
			"metadata": map[string]any{"name": name}, "spec": map[string]any{"sails": sails},
		}}
	}
	eventually(t, "the kind to be served", func() (bool, error) {
		_, err := boats.Create(ctx, boat("felucca", int64(1)), metav1.CreateOptions{})
		return err == nil, nil
	})
	_, err = boats.Create(ctx, boat("dhow", "many"), metav1.CreateOptions{})
	refused(t, err, apierrors.IsInvalid, `spec.sails: Invalid value: "string": spec.sails in body must be of type integer: "string"`)
	_, err = boats.Patch(ctx, "felucca", types.MergePatchType, []byte(`{"spec":{"sails":2}}`), metav1.PatchOptions{})
	must(t, err)
	_, err = boats.Patch(ctx, "felucca", types.MergePatchType, []byte(`{"status":{"afloat":true}}`), metav1.PatchOptions{}, "status")
	must(t, err)
	must(t, boats.Delete(ctx, "felucca", metav1.DeleteOptions{}))
	eventually(t, "its events", func() (bool, error) {
		return seen.told("") == "felucca: add update update delete", nil
	})
	seen.fail(t)
}

func boatDefinition() *unstructured.Unstructured {
	object := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": properties}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "boats.clients.example.org"},
		"spec": map[string]any{
			"group": "clients.example.org", "scope": "Namespaced",
			"names": map[string]any{"plural": "boats", "kind": "Boat"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": object(map[string]any{
					"spec":   object(map[string]any{"sails": map[string]any{"type": "integer"}}),
					"status": object(map[string]any{"afloat": map[string]any{"type": "boolean"}}),
				})},
			}},
		},
	}}
}
