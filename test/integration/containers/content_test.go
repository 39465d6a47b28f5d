//go:build containers && linux

package containers

import (
	"archive/tar"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImage checks the image's files and its metadata.
func TestImage(t *testing.T) {
	requireImages(t)
	if names := slices.Sorted(maps.Keys(content(t, releaseImage))); !slices.Equal(names, []string{"healthctl", "healthprobe"}) {
		t.Errorf("the image holds %q", names)
	}
	for format, want := range map[string]string{
		"{{.Config.User}}":       "65532:65532",
		"{{.Config.Entrypoint}}": "[/healthctl]",
		`{{index .Config.Labels "org.opencontainers.image.licenses"}}`: "MIT",
	} {
		if got := inspect(t, releaseImage, format); got != want {
			t.Errorf("%s is %q, want %q", format, got, want)
		}
	}
	// The version is that of the tag, without "+dirty": the build has all files of the commit.
	says := docker(t, "run", "--rm", "--network=none", "--entrypoint=/healthprobe", releaseImage, "-version")
	if !strings.HasPrefix(says, "healthprobe "+version+" commit ") || !strings.Contains(says, "(direct entry)") {
		t.Errorf("healthprobe -version says %q", says)
	}
}

// TestReproducible compares the programs in images for several platforms with those from a build in
// another directory, with another build cache.
func TestReproducible(t *testing.T) {
	requireImages(t)
	for platform, env := range map[string][]string{
		"linux/amd64":  {"GOARCH=amd64"},
		"linux/arm64":  {"GOARCH=arm64"},
		"linux/arm/v7": {"GOARCH=arm", "GOARM=7"},
	} {
		t.Run(strings.ReplaceAll(platform, "/", "-"), func(t *testing.T) {
			const tag = "healthprobe-platform"
			if err := buildImage("--tag", tag, "--platform", platform); err != nil {
				t.Fatal(err)
			}
			local := build(t, append(env, "GOOS=linux")...)
			programs := content(t, tag)
			for _, name := range []string{"healthprobe", "healthctl"} {
				want, err := os.ReadFile(filepath.Join(local, name))
				if err != nil {
					t.Fatal(err)
				}
				if programs[name] != string(want) {
					t.Errorf("%s in the image differs from one built elsewhere", name)
				}
			}
		})
	}
}

// content returns the regular files of an image by their names, without those that the engine adds.
func content(t *testing.T, image string) map[string]string {
	t.Helper()
	id := docker(t, "create", image)
	defer docker(t, "rm", id)
	archive := filepath.Join(t.TempDir(), "image.tar")
	docker(t, "export", "--output="+archive, id)
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	added := []string{".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"}
	files := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir || slices.Contains(added, h.Name) {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}
