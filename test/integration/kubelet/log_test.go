//go:build linux

package kubelet

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

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
