//go:build linux

package kubelet

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The parts of a node: containerd, and a kubelet without an API server, which takes its pods from files.
const (
	containerdSocket = "/run/containerd/containerd.sock"
	pauseImage       = "registry.example.com/pause:1.0"
	nodeName         = "node"
)

var (
	runtimeClient cri.RuntimeServiceClient
	readOnlyPort  int    // of the kubelet, on 127.0.0.1
	podFiles      string // the directory of static pods
	daemons       []string
)

func startContainerd() error {
	if err := makeCgroups(); err != nil {
		return err
	}
	if err := writeFiles(map[string]string{
		"containerd.toml":   fmt.Sprintf(containerdConfig, workdir, *runtimeName),
		"cni/pods.conflist": cniConfig,
		"cni/none":          cniPlugin,
		"cni/loopback":      cniPlugin,
	}); err != nil {
		return err
	}
	program, err := buildContainerd(*containerdVersion)
	if err != nil {
		return err
	}
	if err := startDaemon(program, "--config", filepath.Join(workdir, "containerd.toml")); err != nil {
		return err
	}
	if err := startRuntimeClient(); err != nil {
		return logged(err, "containerd")
	}
	return importImages()
}

// startKubelet starts a kubelet once, for the first test that needs one.
var startKubelet = sync.OnceValue(func() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	readOnlyPort, podFiles = ports[1], filepath.Join(workdir, "pods")
	if err := os.Mkdir(podFiles, 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf(kubeletConfig, ports[0], ports[1], workdir, cgroupParent())
	if err := writeFiles(map[string]string{"kubelet.yaml": config}); err != nil {
		return err
	}
	program, err := buildKubelet(*kubeletVersion)
	if err != nil {
		return err
	}
	if err := startDaemon(program, "--config", filepath.Join(workdir, "kubelet.yaml"),
		"--root-dir", filepath.Join(workdir, "kubelet"), "--hostname-override", nodeName, "-v", "3"); err != nil {
		return err
	}
	if err := retry(func() error { _, err := listPods(); return err }); err != nil {
		return logged(err, "kubelet")
	}
	return nil
})

func requireKubelet(t testing.TB) {
	t.Helper()
	requireContainerd(t)
	if err := startKubelet(); err != nil {
		t.Fatal(err)
	}
}

func requireContainerd(t testing.TB) {
	t.Helper()
	if missing == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// cgroupParent is the cgroup of everything that runs here.
func cgroupParent() string { return "/" + filepath.Base(workdir) }

func writeFiles(files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(workdir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// startRuntimeClient connects to containerd, by the interface that the kubelet uses.
func startRuntimeClient() error {
	conn, err := grpc.NewClient("unix://"+containerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	runtimeClient = cri.NewRuntimeServiceClient(conn)
	return retry(func() error {
		_, err := runtimeClient.Version(context.Background(), &cri.VersionRequest{})
		return err
	})
}

// startDaemon starts a program that runs until the tests end. Its output goes to a file of its name.
func startDaemon(program string, args ...string) error {
	name := filepath.Base(program)
	file, err := os.Create(filepath.Join(workdir, name+".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR="+workdir)
	if err := cmd.Start(); err != nil {
		return err
	}
	daemons = append(daemons, program)
	return moveToCgroup(cmd.Process.Pid, name)
}

// makeCgroups makes the parent of all cgroups. The kubelet demands that it has all controllers, which with
// cgroup v2 are passed on from group to group.
func makeCgroups() error {
	for _, root := range cgroupRoots() {
		groups := []string{root, root + cgroupParent()}
		if err := os.MkdirAll(groups[1], 0o755); err != nil {
			return err
		}
		controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		if err != nil {
			continue // v1
		}
		all := "+" + strings.Join(strings.Fields(string(controllers)), " +")
		for _, group := range groups {
			if err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte(all), 0); err != nil {
				return fmt.Errorf("pass on the controllers: %w (EBUSY: there are processes in this group)", err)
			}
		}
	}
	return nil
}

// moveToCgroup puts a daemon into a cgroup beside those of the pods, whose common parent then counts the
// CPU time of all.
func moveToCgroup(pid int, name string) error {
	group := filepath.Join(controllerRoot("cpuacct"), cgroupParent(), name)
	if err := os.MkdirAll(group, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

func freePorts(n int) (ports []int, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// retry asks until there is no error. The limit only stops a node that does not come up.
func retry(ask func() error) error {
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := ask()
		if err == nil || time.Since(start) > 2*time.Minute {
			return err
		}
	}
}

// logged adds the end of a daemon's log to an error.
func logged(err error, name string) error {
	text, _ := os.ReadFile(filepath.Join(workdir, name+".log"))
	lines := strings.Split(string(text), "\n")
	return fmt.Errorf("%w; the end of its log:\n%s", err, strings.Join(lines[max(0, len(lines)-40):], "\n"))
}

// containerdConfig runs where the test may do less than root can: restrict_oom_score_adj and
// disable_apparmor make no difference to a probe. The runtime named untrusted is for TestPids.
const containerdConfig = `version = 2
root = "%[1]s/containerd"
[grpc]
  address = "` + containerdSocket + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%[1]s/cni"
    conf_dir = "%[1]s/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "%[2]s"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
      BinaryName = "crun"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.untrusted]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.untrusted.options]
      BinaryName = "crun"
`

// cniPlugin gives every pod the same address: exec probes need no network, but containerd insists on one.
const (
	cniConfig = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "none"}]}`
	cniPlugin = `#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0"]}' ;;
ADD) echo '{"cniVersion": "0.4.0", "interfaces": [{"name": "'"$CNI_IFNAME"'", "sandbox": "'"$CNI_NETNS"'"}],
	"ips": [{"version": "4", "interface": 0, "address": "127.0.0.1/8"}]}' ;;
esac
`
)

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %[1]d
readOnlyPort: %[2]d
healthzPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
registerNode: false
staticPodPath: %[3]s/pods
podLogsDir: %[3]s/logs
containerRuntimeEndpoint: unix://` + containerdSocket + `
cgroupDriver: cgroupfs
cgroupRoot: %[4]s
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
resolvConf: ""
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
`
