// Package version says which build of a program this is.
package version

import (
	"runtime"

	"github.com/healthprobe/healthprobe/internal/text"
)

// Append adds "healthprobe v1.2.3 commit 4f7405d5… linux/amd64 (direct entry)" to
// the line. The version is the module's, as go version -m shows it, or devel where
// there is none. The commit is left out where it is unknown: go install of a
// published version knows only that, and a copy of the files has neither. It obeys
// the rules of the direct entry.
func Append(l *text.Line, program, entry string) *text.Line {
	version, commit := build()
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	l.Text(program).Text(" ").Text(version)
	if commit != "" {
		l.Text(" commit ").Text(commit)
	}
	return l.Text(" " + runtime.GOOS + "/" + runtime.GOARCH + " (").Text(entry).Text(" entry)")
}
