// Package clients is Go's side of what is tested with real clients: client-go, as operators and command-line tools use
// it, and controller-runtime on top of it. The cluster is the one of KUBECONFIG; LATEEN_STATE is its state directory,
// where the API server's process is found when a test kills it.
package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const deadline = 30 * time.Second

// TestMain keeps client-go's own log out of the results: connections that break are part of what is tested.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// configuration has no limit of requests: the client's own limiter would make the tests slow.
func configuration(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(t, err)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	return config
}

func clientset(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(configuration(t))
	must(t, err)
	return client
}

// namespace makes one for the test, which may use the API at the same time as the others.
func namespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	ctx := context.Background()
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: strings.ToLower(t.Name()) + "-"}}
	made, err := client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
	must(t, err)
	name := made.Name
	eventually(t, "the default service account", func() (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	t.Cleanup(func() { _ = client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}) })
	return name
}

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, actual, expected T) {
	t.Helper()
	if actual != expected {
		t.Fatalf("%s: %v, expected %v", what, actual, expected)
	}
}

// refused checks the error's reason by client-go's own function for it, and its text.
func refused(t *testing.T, err error, is func(error) bool, text string) {
	t.Helper()
	if err == nil || !is(err) || !strings.Contains(err.Error(), text) {
		t.Fatalf("%q (%T) is not the expected refusal, with %q", err, err, text)
	}
}

func eventually(t *testing.T, what string, condition func() (bool, error)) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, deadline, true,
		func(context.Context) (bool, error) { return condition() })
	if err != nil {
		t.Fatalf("waited for %s: %v", what, err)
	}
}

// killAPIServer is kill -9; the cluster's supervisor starts another.
func killAPIServer(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("LATEEN_STATE"), "run/api-server.pid"))
	must(t, err)
	var record struct{ Pid int }
	must(t, json.Unmarshal(text, &record))
	must(t, syscall.Kill(record.Pid, syscall.SIGKILL))
}

// untilAnswered repeats a request while there is no API server. One that was killed may have done what it had no time
// to confirm: then the repetition is told that the object is there, or gone, already.
func untilAnswered(t *testing.T, action func() error) {
	t.Helper()
	eventually(t, "an answer", func() (bool, error) {
		err := action()
		return err == nil || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err), nil
	})
}

func configMap(name string, labels map[string]string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: data}
}

func runningPod(t *testing.T, client kubernetes.Interface, namespace string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	ctx := context.Background()
	grace := int64(1)
	pod.Spec.TerminationGracePeriodSeconds = &grace
	made, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	must(t, err)
	eventually(t, fmt.Sprintf("pod %s to be ready", made.Name), func() (bool, error) {
		made, err = client.CoreV1().Pods(namespace).Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range made.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	return made
}

func shellPod(name, script string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "main", Image: "alpine", Command: []string{"sh", "-c", script}, Stdin: true},
		}},
	}
}
