//go:build linux

package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// examplePod returns the pod that a deployment of examples/kubernetes.yaml makes.
func examplePod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	text, err := os.ReadFile(root + "/examples/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var d appsv1.Deployment
		if err := yaml.UnmarshalStrict([]byte(document), &d); err != nil {
			t.Fatal(err)
		}
		if d.Name == name {
			pod := &corev1.Pod{TypeMeta: d.TypeMeta, ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
			pod.APIVersion, pod.Kind, pod.Name, pod.Namespace = "v1", "Pod", name, "default"
			return pod
		}
	}
	t.Fatalf("examples/kubernetes.yaml has no deployment %s", name)
	return nil
}

// A livePod is a pod that the kubelet runs.
type livePod struct {
	t    *testing.T
	name string
}

// startPod gives a pod to the kubelet until the test ends.
func startPod(t *testing.T, pod *corev1.Pod) livePod {
	t.Helper()
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(podFiles, pod.Name+".json")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	p := livePod{t, pod.Name}
	t.Cleanup(func() {
		if t.Failed() {
			p.describe()
		}
		os.Remove(path)
	})
	return p
}

// listPods returns the pods as the kubelet sees them: there is no API server to ask.
func listPods() (*corev1.PodList, error) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/pods", readOnlyPort))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	list := &corev1.PodList{}
	return list, json.NewDecoder(answer.Body).Decode(list)
}

// get returns the pod as the kubelet sees it, or the zero value if it does not know it yet.
func (p livePod) get() (pod corev1.Pod) {
	p.t.Helper()
	list := &corev1.PodList{}
	if err := retry(func() (err error) { list, err = listPods(); return err }); err != nil {
		p.t.Error(err)
	}
	for _, pod := range list.Items {
		if pod.Name == p.name+"-"+nodeName {
			return pod
		}
	}
	return pod
}

// status returns what the kubelet says about a container. The zero value says that it does not run yet.
func (p livePod) status(container string) (status corev1.ContainerStatus) {
	p.t.Helper()
	for _, status := range p.get().Status.ContainerStatuses {
		if status.Name == container {
			return status
		}
	}
	return status
}

func (p livePod) ready(container string) bool {
	return p.status(container).Ready
}

func (p livePod) restarts(container string) int {
	return int(p.status(container).RestartCount)
}

// saw returns how many events have a text that begins so.
func (p livePod) saw(prefix string) (n int) {
	p.t.Helper()
	for _, message := range p.events() {
		if strings.HasPrefix(message, prefix) {
			n++
		}
	}
	return n
}

// succeeded returns how many probes of a kind (Liveness) have passed.
func (p livePod) succeeded(kind string) (n int) {
	p.t.Helper()
	for _, pod := range kubeletRecords(p.t).passed {
		if pod == kind+" "+p.name {
			n++
		}
	}
	return n
}

// events returns the messages of the pod's events, oldest first.
func (p livePod) events() (messages []string) {
	p.t.Helper()
	for _, e := range kubeletRecords(p.t).events {
		if e.pod == p.name {
			messages = append(messages, e.message)
		}
	}
	return messages
}

// await waits until a condition holds. The limit only stops a test that hangs.
func (p livePod) await(what string, condition func() bool) {
	p.t.Helper()
	for start := time.Now(); time.Since(start) < 3*time.Minute; time.Sleep(100 * time.Millisecond) {
		if condition() {
			return
		}
	}
	p.t.Fatalf("%s: still not: %s", p.name, what)
}

func (p livePod) awaitReady(container string) {
	p.t.Helper()
	p.await(container+" is ready", func() bool { return p.ready(container) })
}

func (p livePod) awaitEvent(prefix string) {
	p.t.Helper()
	p.await("an event "+prefix, func() bool { return p.saw(prefix) > 0 })
}

// describe logs what a user would ask kubectl for. Of equal events in a row it has one.
func (p livePod) describe() {
	status, _ := json.Marshal(p.get().Status.ContainerStatuses)
	p.t.Logf("%s: %s\nevents:\n%s", p.name, status, strings.Join(slices.Compact(p.events()), "\n"))
}

// id returns the id of the container that runs, as containerd knows it.
func (p livePod) id(container string) string {
	p.t.Helper()
	return strings.TrimPrefix(p.status(container).ContainerID, "containerd://")
}

// exec runs a command as an exec probe does.
func (p livePod) exec(container string, command ...string) {
	p.t.Helper()
	if err := succeeds(execSync(p.id(container), command)); err != nil {
		p.t.Fatalf("%s: %q: %v", p.name, command, err)
	}
}

// volume returns where a volume of the pod is on this machine.
func (p livePod) volume(name string) string {
	p.t.Helper()
	uid := string(p.get().UID)
	if uid == "" {
		p.t.Fatalf("the kubelet does not know pod %s", p.name)
	}
	return filepath.Join(workdir, "kubelet/pods", uid, "volumes/kubernetes.io~empty-dir", name)
}

// Without an API server the kubelet puts its events into its log.
type records struct {
	events []event
	passed []string // probes that passed: "Liveness web"
}

type event struct{ pod, message string }

// kubeletLog is what has been read of the log so far.
var kubeletLog struct {
	sync.Mutex
	records
	offset int64
}

// A record begins with a letter for its severity. A message of one line is quoted; one of several lines is
// in angle brackets, each line behind a tab.
var (
	aRecord = regexp.MustCompile(`(?m)^[IWEF]\d{4} .*\n(?:[\t ].*\n)*`)
	anEvent = regexp.MustCompile(`"Event occurred" object="default/(\S+)-` + nodeName + `" .* reason="(\w+)" message=(".*"|<\n(?:\t.*\n)*)`)
	passing = regexp.MustCompile(`"Probe succeeded" probeType="(\w+)" pod="default/(\S+)-` + nodeName + `"`)
)

// kubeletRecords reads what is new in the log, and returns all that was in it.
func kubeletRecords(t *testing.T) records {
	t.Helper()
	l := &kubeletLog
	l.Lock()
	defer l.Unlock()
	file, err := os.Open(filepath.Join(workdir, "kubelet.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, l.offset, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	// The last record may not be complete yet.
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	if open := bytes.LastIndex(text, []byte("=<\n")); open >= 0 && !bytes.Contains(text[open:], []byte("\n >")) {
		text = text[:bytes.LastIndexByte(text[:open], '\n')+1]
	}
	l.offset += int64(len(text))
	for _, record := range aRecord.FindAllString(string(text), -1) {
		if m := passing.FindStringSubmatch(record); m != nil {
			l.passed = append(l.passed, m[1]+" "+m[2])
		}
		if m := anEvent.FindStringSubmatch(record); m != nil && m[2] != "MissingClusterDNS" {
			message, err := strconv.Unquote(m[3])
			if err != nil {
				message = strings.ReplaceAll(strings.TrimPrefix(m[3], "<\n"), "\t", "")
			}
			l.events = append(l.events, event{m[1], strings.TrimSpace(message)})
		}
	}
	return l.records
}
