package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

const (
	module = "github.com/healthprobe/healthprobe"
	sums   = "SHA256SUMS"
)

// release is what the checks have learned of the directory so far.
type release struct {
	dir      string
	tmp      string            // a directory for the checks
	files    map[string][]byte // all but the checksums and their signature
	archives []archive
	version  string // v1.2.3, or a pseudo-version
	commit   string
	compiler string // the version of Go
	rebuilt  bool   // the same bytes were made again here
}

// archive is an archive of the two programs.
type archive struct {
	base     string // the file's name without .tar.gz
	os, arch string // arch is armv7 for GOARCH=arm and GOARM=7
	programs map[string][]byte
	info     map[string]*buildinfo.BuildInfo
}

// checkSums compares all files with their checksums. A file without one is an error:
// nobody would notice if it were exchanged.
func checkSums(r *release) (string, error) {
	list, err := os.ReadFile(filepath.Join(r.dir, sums))
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return "", err
	}
	want := map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || want[name] != "" {
			return "", fmt.Errorf("%s has the line %q", sums, line)
		}
		want[name] = sum
	}
	r.files = map[string][]byte{}
	for _, e := range entries {
		if e.Name() == sums || e.Name() == sums+".sigstore.json" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.dir, e.Name()))
		if err != nil {
			return "", err
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != want[e.Name()] {
			return "", fmt.Errorf("%s has the checksum %s, and %s says %q", e.Name(), got, sums, want[e.Name()])
		}
		r.files[e.Name()] = content
		delete(want, e.Name())
	}
	for name := range want {
		return "", fmt.Errorf("%s names %s, which is missing", sums, name)
	}
	return fmt.Sprintf("%d files", len(r.files)), nil
}

// checkArchives wants archives of the two programs, the license and README.md, and
// that one build has made all programs, from a commit without changes.
func checkArchives(r *release) (string, error) {
	name := regexp.MustCompile(`^(healthprobe_(v[^_]+)_([a-z]+)_([a-z0-9]+))\.tar\.gz$`)
	for file, content := range r.files {
		m := name.FindStringSubmatch(file)
		if m == nil {
			continue
		}
		a := archive{base: m[1], os: m[3], arch: m[4], info: map[string]*buildinfo.BuildInfo{}}
		if r.version != "" && r.version != m[2] {
			return "", fmt.Errorf("%s, and there is version %s too", file, r.version)
		}
		r.version = m[2]
		var err error
		if a.programs, err = unpack(content); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if err := wantFiles(a.programs, "LICENSE", "README.md", "healthctl", "healthprobe"); err != nil {
			return "", fmt.Errorf("%s %w", file, err)
		}
		delete(a.programs, "LICENSE")
		delete(a.programs, "README.md")
		for program, content := range a.programs {
			if a.info[program], err = buildinfo.Read(bytes.NewReader(content)); err == nil {
				err = r.checkBuild(a, program)
			}
			if err != nil {
				return "", fmt.Errorf("%s: %s: %w", file, program, err)
			}
		}
		r.archives = append(r.archives, a)
	}
	slices.SortFunc(r.archives, func(a, b archive) int { return strings.Compare(a.base, b.base) })
	if len(r.archives) == 0 {
		return "", errors.New("there are none")
	}
	return fmt.Sprintf("%d, of %s, commit %s, by %s", len(r.archives), r.version, r.commit, r.compiler), nil
}

// checkBuild checks what the go command has recorded in a program.
func (r *release) checkBuild(a archive, program string) error {
	info := a.info[program]
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if r.commit == "" {
		r.commit, r.compiler = setting["vcs.revision"], info.GoVersion
		// checkRebuild gives them to git and to the go command.
		if !regexp.MustCompile(`^[0-9a-f]{40} go1[0-9a-z.]+$`).MatchString(r.commit + " " + r.compiler) {
			return fmt.Errorf("its commit is %q and its version of Go is %q", r.commit, r.compiler)
		}
	}
	for _, c := range []struct{ what, got, want string }{
		{"package", info.Path, module + "/cmd/" + program},
		{"module", info.Main.Path, module},
		{"version", info.Main.Version, r.version},
		{"commit", setting["vcs.revision"], r.commit},
		{"changes", setting["vcs.modified"], "false"},
		{"version of Go", info.GoVersion, r.compiler},
		{"platform", setting["GOOS"] + "_" + testenv.Arch{Name: setting["GOARCH"], ARM: setting["GOARM"]}.String(), a.os + "_" + a.arch},
	} {
		if c.got != c.want || c.got == "" {
			return fmt.Errorf("its %s is %q, want %q", c.what, c.got, c.want)
		}
	}
	return nil
}

// write writes a program to a file.
func (r *release) write(a archive, program string) (path string, err error) {
	dir := filepath.Join(r.tmp, a.base)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(dir, program)
	return path, os.WriteFile(path, a.programs[program], 0o755)
}

// unpack returns the regular files of an archive, which may be compressed.
func unpack(content []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	var in io.Reader = bytes.NewReader(content)
	if z, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
		in = z
	}
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Uid != 0 || h.Gid != 0 {
			return nil, fmt.Errorf("%s is not a regular file of root", h.Name)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// wantFiles wants just these files, which are in order.
func wantFiles(files map[string][]byte, names ...string) error {
	var got []string
	for name := range files {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		return fmt.Errorf("holds %q, want %q", got, names)
	}
	return nil
}
