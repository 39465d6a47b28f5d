// Package manifests checks examples/kubernetes.yaml against the types of the Kubernetes API, and runs
// its probes. It is a module of its own so that the project does not depend on those types:
//
//	cd test/integration/containers/manifests && go test ./...
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// pods returns the pods of the file's deployments. A field that the API does not have is an error.
func pods(t *testing.T) map[string]corev1.PodSpec {
	t.Helper()
	text, err := os.ReadFile("../../../../examples/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	found := map[string]corev1.PodSpec{}
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := object.(*appsv1.Deployment)
		if !maps.Equal(d.Spec.Selector.MatchLabels, d.Spec.Template.Labels) {
			t.Errorf("deployment %s does not select its own pods", d.Name)
		}
		found[d.Name] = d.Spec.Template.Spec
	}
}

// TestRules checks what the comment at the top of the file promises for every container, and that the
// file shows all the variants.
func TestRules(t *testing.T) {
	var shared, installed, image bool
	for name, pod := range pods(t) {
		shared = shared || len(pod.Containers) > 1
		installed = installed || len(pod.InitContainers) > 0
		image = image || slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Image != nil })
		t.Run(name, func(t *testing.T) {
			if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 {
				t.Error("the pod may run as root")
			}
			units := map[string]bool{}
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				s := c.SecurityContext
				if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
					s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
					s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") {
					t.Errorf("container %s is not restricted", c.Name)
				}
			}
			for _, c := range pod.Containers {
				unit, rundir := variable(c, "LIVENESS_UNIT_NAME"), variable(c, "LIVENESS_RUNDIR")
				if unit == "" || units[unit] {
					t.Errorf("container %s has no unit name of its own", c.Name)
				}
				units[unit] = true
				state := mounted(pod, c, rundir)
				if state == nil || state.EmptyDir == nil || state.EmptyDir.Medium != corev1.StorageMediumMemory {
					t.Errorf("container %s keeps its state in %q, which is not a volume in memory", c.Name, rundir)
				}
				startup, live, ready := command(t, c.StartupProbe), command(t, c.LivenessProbe), command(t, c.ReadinessProbe)
				if !slices.Contains(live, "-live") || !slices.Equal(startup, live) || slices.Contains(ready, "-live") {
					t.Errorf("container %s: startup asks %q, liveness %q, readiness %q", c.Name, startup, live, ready)
				}
				for _, program := range []string{live[0], ready[0]} {
					if !provided(pod, c, program) {
						t.Errorf("container %s: nothing provides %s", c.Name, program)
					}
				}
			}
		})
	}
	if !shared || !installed || !image {
		t.Errorf("variants: two containers in a pod %v, initContainer %v, image volume %v", shared, installed, image)
	}
}

// command returns what a probe runs.
func command(t *testing.T, p *corev1.Probe) []string {
	t.Helper()
	if p == nil || p.Exec == nil || len(p.Exec.Command) == 0 {
		t.Fatal("not every probe runs a command")
	}
	if p.TimeoutSeconds != 5 {
		t.Errorf("timeoutSeconds is %d", p.TimeoutSeconds)
	}
	return p.Exec.Command
}

func variable(c corev1.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// mounted returns the volume that a container has at a path.
func mounted(pod corev1.PodSpec, c corev1.Container, at string) *corev1.Volume {
	for _, m := range c.VolumeMounts {
		for i := range pod.Volumes {
			if m.MountPath == at && m.Name == pod.Volumes[i].Name {
				return &pod.Volumes[i]
			}
		}
	}
	return nil
}

// provided reports whether a program comes from the image (by convention in its root), from an image
// volume, or from an initContainer that installs it.
func provided(pod corev1.PodSpec, c corev1.Container, program string) bool {
	dir, name := path.Split(program)
	if name != "healthprobe" {
		return false
	}
	if dir == "/" {
		return true
	}
	tools := mounted(pod, c, strings.TrimSuffix(dir, "/"))
	if tools == nil || tools.Image != nil {
		return tools != nil
	}
	for _, init := range pod.InitContainers {
		if len(init.Command) != 3 || init.Command[0] != "/healthctl" || init.Command[1] != "install" {
			continue
		}
		if v := mounted(pod, init, init.Command[2]); v != nil && v.Name == tools.Name {
			return true
		}
	}
	return false
}
