// Package kubelet tests the programs under a real kubelet. Run it as root on Debian, with the packages
// containerd, runc, crun and redis-server:
//
//	cd test/integration/kubelet && go test -count=1 ./...
//
// It is a module of its own, since a kubelet has many dependencies: the first run downloads some 100 MB and
// builds it, which takes minutes. Without the packages the tests skip and name what is missing; with CI=true
// they fail.
//
// The kubelet runs without an API server, and takes its pods from files: those of examples/kubernetes.yaml,
// as their deployments would make them, and variants. Their images are made here, and their network is a stub.
// All of it has process and mount namespaces and a cgroup of its own, which are gone when the tests end.
//
//	-kubelet v1.36.3     test the kubelet of another release
//	-containerd v2.2.9   run the pods with another containerd
//	-runtime crun        run the pods with crun
//	-repeats 20          for the table of memory limits in docs/performance.md
//
// Benchmarks measure what an exec probe costs from end to end:
//
//	cd test/integration/kubelet && go test -run '^$' -bench . -benchtime 50x
package kubelet
