//go:build linux

package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// sandboxes gives each pod that is started here a name of its own.
var sandboxes atomic.Int32

// startContainer starts an application by healthctl exec, without the kubelet, which would need an API
// server to choose a runtime. It returns when the application is healthy.
func startContainer(t testing.TB, handler string, application ...string) (id string) {
	t.Helper()
	if podFiles != "" {
		t.Fatal("a kubelet runs, which removes containers that it did not start: run this test alone")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := fmt.Sprintf("%s-%d", handler, sandboxes.Add(1))
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "test"},
		LogDirectory: workdir,
		Linux:        &cri.LinuxPodSandboxConfig{CgroupParent: cgroupParent() + "/" + name},
	}
	sandbox, err := runtimeClient.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: handler})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		runtimeClient.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: sandbox.PodSandboxId})
		runtimeClient.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: sandbox.PodSandboxId})
	})
	container, err := runtimeClient.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: sandbox.PodSandboxId, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "web"},
			Image:    &cri.ImageSpec{Image: registry + "shell:1.0"},
			Command:  append([]string{"/healthctl", "exec"}, application...),
			Envs:     []*cri.KeyValue{{Key: "LIVENESS_UNIT_NAME", Value: "web"}},
			LogPath:  name + ".log",
			Linux:    &cri.LinuxContainerConfig{},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	id = container.ContainerId
	if _, err := runtimeClient.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id}); err != nil {
		t.Fatal(err)
	}
	if err := retry(func() error { return succeeds(execSync(id, []string{"/healthprobe"})) }); err != nil {
		t.Fatal(err)
	}
	return id
}

// execSync runs a command in a container as the kubelet does for an exec probe.
func execSync(id string, command []string) (*cri.ExecSyncResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return runtimeClient.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: command})
}

// succeeds returns an error unless the command was run and its exit status is 0.
func succeeds(answer *cri.ExecSyncResponse, err error) error {
	if err == nil && answer.ExitCode != 0 {
		err = fmt.Errorf("status %d: %s%s", answer.ExitCode, answer.Stdout, answer.Stderr)
	}
	return err
}

// containerPid returns the pid of a container's first process, as seen from here.
func containerPid(t testing.TB, id string) int {
	t.Helper()
	answer, err := runtimeClient.ContainerStatus(context.Background(), &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Pid int }
	if err := json.Unmarshal([]byte(answer.Info["info"]), &info); err != nil || info.Pid == 0 {
		t.Fatalf("container %s has no pid: %v %s", id, err, answer.Info["info"])
	}
	return info.Pid
}

// controlGroup returns a container's directory of a controller.
func controlGroup(t testing.TB, id, controller string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", containerPid(t, id)))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		// hierarchy:controllers:path, and no controllers with cgroup v2
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if fields[1] == controller || fields[1] == "" && cgroupVersion() == 2 {
			return filepath.Join(controllerRoot(controller), fields[2])
		}
	}
	t.Fatalf("no cgroup of controller %s in:\n%s", controller, text)
	return ""
}
