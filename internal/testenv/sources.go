package testenv

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sources are the files and directories that a build of the programs reads, below
// the module's root.
var sources = []string{"go.mod", "go.sum", "build.sh", "cmd", "internal", "writer"}

// TrackSources opens every file that a build of the programs reads, and those
// below more, which are paths below the module's root. It must be called by
// whatever runs the go command in a child process, and while tests run: what
// TestMain does before m.Run does not count.
//
// The reason is go test's cache. It repeats an old "ok" unless a file has changed
// that the test process itself opened; what a child process reads, it does not see.
// Directories count with all that is in them, so a new file is noticed as well.
func TrackSources(more ...string) error { return readSources(io.Discard, more...) }

// readSources writes the names and contents of the files.
func readSources(to io.Writer, more ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	for _, path := range append(more, sources...) {
		err := filepath.WalkDir(filepath.Join(root, path), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			fmt.Fprintf(to, "%s %d\n%s", strings.TrimPrefix(path, root), len(content), content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
