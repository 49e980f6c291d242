package clients

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

// carriers are the ways in which client-go brings streams to a pod. The last is kubectl's: WebSocket, or else SPDY.
func carriers(t *testing.T) map[string]func(*url.URL) (remotecommand.Executor, error) {
	config := configuration(t)
	overSpdy := func(url *url.URL) (remotecommand.Executor, error) {
		return remotecommand.NewSPDYExecutor(config, http.MethodPost, url)
	}
	overWebSocket := func(url *url.URL) (remotecommand.Executor, error) {
		return remotecommand.NewWebSocketExecutor(config, http.MethodGet, url.String())
	}
	return map[string]func(*url.URL) (remotecommand.Executor, error){
		"SPDY":      overSpdy,
		"WebSocket": overWebSocket,
		"fallback": func(url *url.URL) (remotecommand.Executor, error) {
			first, err := overWebSocket(url)
			if err != nil {
				return nil, err
			}
			second, err := overSpdy(url)
			if err != nil {
				return nil, err
			}
			return remotecommand.NewFallbackExecutor(first, second, httpstream.IsUpgradeFailure)
		},
	}
}

func TestExec(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	runningPod(t, client, ns, shellPod("box", "sleep 3600"))
	for name, carrier := range carriers(t) {
		t.Run(name, func(t *testing.T) {
			execute := func(pod string, options corev1.PodExecOptions, streams remotecommand.StreamOptions) error {
				request := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(pod).SubResource("exec").
					VersionedParams(&options, scheme.ParameterCodec)
				executor, err := carrier(request.URL())
				must(t, err)
				return executor.StreamWithContext(background(t), streams)
			}
			var out, errors bytes.Buffer
			err := execute("box", corev1.PodExecOptions{
				Command: []string{"sh", "-c", "wc -c; echo err >&2; exit 7"}, Stdin: true, Stdout: true, Stderr: true,
			}, remotecommand.StreamOptions{Stdin: strings.NewReader(strings.Repeat("x", 300_000)), Stdout: &out, Stderr: &errors})
			equal(t, "output", strings.TrimSpace(out.String()), "300000")
			equal(t, "errors", errors.String(), "err\n")
			code, ok := err.(exec.CodeExitError)
			if !ok || code.Code != 7 {
				t.Fatalf("%T %v", err, err)
			}
			out.Reset()
			sizes := &oneSize{size: remotecommand.TerminalSize{Width: 91, Height: 31}}
			must(t, execute("box", corev1.PodExecOptions{
				Command: []string{"sh", "-c", `until [ "$(stty size)" = "31 91" ]; do sleep 0.05; done; stty size`}, Stdout: true, TTY: true,
			}, remotecommand.StreamOptions{Stdout: &out, Tty: true, TerminalSizeQueue: sizes}))
			equal(t, "terminal", strings.TrimSpace(out.String()), "31 91")
			err = execute("nobody", corev1.PodExecOptions{Command: []string{"true"}, Stdout: true}, remotecommand.StreamOptions{Stdout: &out})
			if err == nil || !strings.Contains(err.Error(), `pods "nobody" not found`) {
				t.Fatalf("%v", err)
			}
		})
	}
}

type oneSize struct {
	size remotecommand.TerminalSize
	told bool
}

func (s *oneSize) Next() *remotecommand.TerminalSize {
	if s.told {
		return nil
	}
	s.told = true
	return &s.size
}

func TestAttach(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	runningPod(t, client, ns, shellPod("echo", `while read line; do echo "got $line"; done`))
	for name, carrier := range carriers(t) {
		t.Run(name, func(t *testing.T) {
			request := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name("echo").SubResource("attach").
				VersionedParams(&corev1.PodAttachOptions{Stdin: true, Stdout: true}, scheme.ParameterCodec)
			executor, err := carrier(request.URL())
			must(t, err)
			ctx, cancel := context.WithCancel(background(t))
			defer cancel()
			input, typing := io.Pipe()
			hearing, output := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				ended <- executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input, Stdout: output})
			}()
			_, err = fmt.Fprintf(typing, "ahoy %s\n", name)
			must(t, err)
			line, err := bufio.NewReader(hearing).ReadString('\n')
			must(t, err)
			equal(t, "answer", line, "got ahoy "+name+"\n")
			cancel()
			<-ended
		})
	}
}

const webServer = `exec python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "1000000"); self.end_headers()
        self.wfile.write(b"x" * 1000000)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
'`

func TestPortForward(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	pod := shellPod("web", webServer)
	command := []string{"curl", "-sf", "-o", "/dev/null", "http://127.0.0.1:8080/"}
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
	}
	runningPod(t, client, ns, pod)
	config := configuration(t)
	target := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name("web").SubResource("portforward").URL()
	roundTripper, upgrader, err := spdy.RoundTripperFor(config)
	must(t, err)
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(target, config)
	must(t, err)
	dialers := map[string]httpstream.Dialer{
		"SPDY":      spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, http.MethodPost, target),
		"WebSocket": tunnel,
	}
	for name, dialer := range dialers {
		t.Run(name, func(t *testing.T) {
			stop, ready := make(chan struct{}), make(chan struct{})
			defer close(stop)
			forwarder, err := portforward.New(dialer, []string{"0:8080", "0:7777"}, stop, ready, io.Discard, io.Discard)
			must(t, err)
			ended := make(chan error, 1)
			go func() { ended <- forwarder.ForwardPorts() }()
			<-ready
			ports, err := forwarder.GetPorts()
			must(t, err)
			sizes := make(chan int, 4)
			for range 4 {
				go func() { sizes <- fetch(ports[0].Local) }()
			}
			for range 4 {
				equal(t, "bytes", <-sizes, 1_000_000)
			}
			// What cannot be forwarded ends the whole: client-go closes the connection then.
			equal(t, "bytes of a port where nobody listens", fetch(ports[1].Local), -1)
			equal(t, "end", <-ended, portforward.ErrLostConnectionToPod)
		})
	}
}

func fetch(port uint16) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		return -1
	}
	defer func() { _ = response.Body.Close() }()
	bytes, err := io.ReadAll(response.Body)
	if err != nil {
		return -1
	}
	return len(bytes)
}

func TestLogs(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	runningPod(t, client, ns, shellPod("ticks", `echo start; read line; echo "$line"; echo end; sleep 3600`))
	logs := func(options corev1.PodLogOptions) (string, error) {
		stream, err := client.CoreV1().Pods(ns).GetLogs("ticks", &options).Stream(ctx)
		if err != nil {
			return "", err
		}
		defer func() { _ = stream.Close() }()
		bytes, err := io.ReadAll(stream)
		return string(bytes), err
	}
	stream, err := client.CoreV1().Pods(ns).GetLogs("ticks", &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	must(t, err)
	lines := bufio.NewScanner(stream)
	lines.Scan()
	equal(t, "first line", lines.Text(), "start")
	speak(t, client, ns, "ticks", "middle\n")
	lines.Scan()
	equal(t, "line that came meanwhile", lines.Text(), "middle")
	must(t, stream.Close())
	eventually(t, "the end", func() (bool, error) {
		text, err := logs(corev1.PodLogOptions{})
		return text == "start\nmiddle\nend\n", err
	})
	one, few := int64(1), int64(3)
	tail, err := logs(corev1.PodLogOptions{TailLines: &one})
	must(t, err)
	equal(t, "tail", tail, "end\n")
	short, err := logs(corev1.PodLogOptions{LimitBytes: &few})
	must(t, err)
	equal(t, "three bytes", short, "sta")
	_, err = logs(corev1.PodLogOptions{Previous: true})
	refused(t, err, apierrors.IsBadRequest, `previous terminated container "main" in pod "ticks" not found`)
	_, err = logs(corev1.PodLogOptions{Container: "none"})
	refused(t, err, apierrors.IsBadRequest, "container none is not valid for pod ticks")
}

func speak(t *testing.T, client kubernetes.Interface, ns, pod, text string) {
	request := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(pod).SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Stdin: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewSPDYExecutor(configuration(t), http.MethodPost, request.URL())
	must(t, err)
	ctx, cancel := context.WithCancel(background(t))
	input, typing := io.Pipe()
	go func() { _ = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input}) }()
	_, err = typing.Write([]byte(text))
	must(t, err)
	t.Cleanup(cancel)
}

func TestEviction(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	runningPod(t, client, ns, shellPod("guarded", `trap "exit 0" TERM; sleep 3600 & wait`))
	most := intstr.FromInt32(1)
	_, err := client.PolicyV1().PodDisruptionBudgets(ns).Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &most, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "guarded"}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the budget", func() (bool, error) {
		found, err := client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "all", metav1.GetOptions{})
		return err == nil && found.Status.CurrentHealthy == 1, err
	})
	evict := func(name string) error {
		return client.PolicyV1().Evictions(ns).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}})
	}
	refused(t, evict("guarded"), apierrors.IsTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.")
	refused(t, evict("nobody"), apierrors.IsNotFound, `pods "nobody" not found`)
	must(t, client.PolicyV1().PodDisruptionBudgets(ns).Delete(ctx, "all", metav1.DeleteOptions{}))
	eventually(t, "the eviction", func() (bool, error) { return evict("guarded") == nil, nil })
	eventually(t, "the pod to go", func() (bool, error) {
		_, err := client.CoreV1().Pods(ns).Get(ctx, "guarded", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}
