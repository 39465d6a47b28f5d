#!/bin/bash
# Go github.com/mitchellh/go-ps 1.0.0, beside github.com/prometheus/procfs 0.23.0: how it reads
# /proc/<pid>/stat of a process whose name ends with a parenthesis, as that of the helper
# "(sd-pam)" which systemd starts for each user. Seen with Linux 6.18, Go 1.26.
#
# Best guess: it takes the last parenthesis for the end of the name, as proc_pid_stat(5)
# needs it, and reports name and parent.
#
# Seen: it takes the first one. Processes leaves such a process out, without an error.
# FindProcess returns an error, and beside it a process with a cut name and a wrong parent,
# which whoever looks only at "found or nil" takes for real. procfs is right. So a health
# check that looks for a process by name or parent says "gone" while it runs.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/mitchellh/go-ps"
	"github.com/prometheus/procfs"
)

func main() {
	for _, name := range os.Args[1:] {
		look(name)
	}
}

func look(name string) {
	child := exec.Command("./" + name)
	child.Args = []string{"sleep", "60"}
	if err := child.Start(); err != nil {
		panic(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	pid, parent := child.Process.Pid, os.Getpid()

	listed := false
	all, err := ps.Processes()
	for _, p := range all {
		listed = listed || p.Pid() == pid
	}
	fmt.Printf("%s: go-ps lists it: %v (%v)\n", name, listed, err)
	one, err := ps.FindProcess(pid)
	fmt.Printf("%s: go-ps finds %q, parent is right: %v, an error: %v\n", name, one.Executable(), one.PPid() == parent, err != nil)
	f, _ := procfs.NewProc(pid)
	stat, err := f.Stat()
	fmt.Printf("%s: procfs finds %q, parent is right: %v (%v)\n", name, stat.Comm, stat.PPID == parent, err)
}
GO
for name in plain '(sd-pam)'; do cp "$(command -v sleep)" "$name"; done
export GOFLAGS=-mod=mod GOMODCACHE=$dir/mod
go mod init example.com/look >/dev/null 2>&1
go get github.com/mitchellh/go-ps@v1.0.0 github.com/prometheus/procfs@v0.23.0 >/dev/null 2>&1
go run . plain '(sd-pam)' >seen
cat seen
diff - seen <<'EOF'
plain: go-ps lists it: true (<nil>)
plain: go-ps finds "plain", parent is right: true, an error: false
plain: procfs finds "plain", parent is right: true (<nil>)
(sd-pam): go-ps lists it: false (<nil>)
(sd-pam): go-ps finds "(sd-pam", parent is right: false, an error: true
(sd-pam): procfs finds "(sd-pam)", parent is right: true (<nil>)
EOF
