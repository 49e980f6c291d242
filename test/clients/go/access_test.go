package clients

import (
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
)

func TestTokensAndRights(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	lifetime := int64(3600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &lifetime}}
	issued, err := client.CoreV1().ServiceAccounts(ns).CreateToken(ctx, "default", request, metav1.CreateOptions{})
	must(t, err)
	if left := time.Until(issued.Status.ExpirationTimestamp.Time); left < 55*time.Minute || left > 61*time.Minute {
		t.Fatalf("the token ends in %s", left)
	}
	short := int64(10)
	request.Spec.ExpirationSeconds = &short
	_, err = client.CoreV1().ServiceAccounts(ns).CreateToken(ctx, "default", request, metav1.CreateOptions{})
	refused(t, err, apierrors.IsInvalid, "may not specify a duration less than 10 minutes")
	_, err = client.CoreV1().ServiceAccounts(ns).CreateToken(ctx, "nobody", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	refused(t, err, apierrors.IsNotFound, `serviceaccounts "nobody" not found`)

	config := rest.AnonymousClientConfig(configuration(t))
	config.BearerToken = issued.Status.Token
	robot, err := kubernetes.NewForConfig(config)
	must(t, err)
	who, err := robot.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(t, err)
	equal(t, "name", who.Status.UserInfo.Username, "system:serviceaccount:"+ns+":default")
	_, err = robot.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	refused(t, err, apierrors.IsForbidden, `pods is forbidden: User "system:serviceaccount:`+ns+`:default" cannot list resource "pods" in API group "" in the namespace "`+ns+`"`)
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: "default", Namespace: ns}
	_, err = client.RbacV1().RoleBindings(ns).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "views"}, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
	}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the right", func() (bool, error) {
		_, err := robot.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	attributes := &authorizationv1.ResourceAttributes{Namespace: ns, Verb: "delete", Resource: "pods"}
	review, err := robot.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx,
		&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}, metav1.CreateOptions{})
	must(t, err)
	equal(t, "may delete", review.Status.Allowed, false)
	impersonating := configuration(t)
	impersonating.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"crew"}}
	jane, err := kubernetes.NewForConfig(impersonating)
	must(t, err)
	_, err = jane.CoreV1().Secrets(ns).Get(ctx, "any", metav1.GetOptions{})
	refused(t, err, apierrors.IsForbidden, `secrets "any" is forbidden: User "jane" cannot get resource "secrets"`)
	config.BearerToken = "nonsense"
	stranger, err := kubernetes.NewForConfig(config)
	must(t, err)
	_, err = stranger.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	refused(t, err, apierrors.IsUnauthorized, "Unauthorized")
}

func TestEventRecorders(t *testing.T) {
	client := clientset(t)
	ns := namespace(t, client)
	ctx := background(t)
	about, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap("about", nil, nil), metav1.CreateOptions{})
	must(t, err)
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(ns)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "tests"})
	for range 3 {
		recorder.Eventf(about, corev1.EventTypeWarning, "Leaking", "%d holes", 2)
	}
	eventually(t, "one event that happened three times", func() (bool, error) {
		found, err := client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=about,reason=Leaking"})
		return err == nil && len(found.Items) == 1 && found.Items[0].Count == 3 && found.Items[0].Message == "2 holes", err
	})
	series := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	defer series.Shutdown()
	must(t, series.StartRecordingToSinkWithContext(ctx))
	newer := series.NewRecorder(scheme.Scheme, "tests")
	for range 2 {
		newer.Eventf(about, nil, corev1.EventTypeNormal, "Sailing", "Sail", "to the east")
	}
	eventually(t, "an event with its series", func() (bool, error) {
		found, err := client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "reason=Sailing"})
		return err == nil && len(found.Items) == 1 && found.Items[0].Action == "Sail" && strings.HasPrefix(found.Items[0].ReportingController, "tests"), err
	})
}
