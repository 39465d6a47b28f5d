package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// descriptor refers to a blob of the image layout:
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md
type descriptor struct {
	MediaType string
	Digest    string
	Platform  struct{ OS, Architecture, Variant string }
}

// imageFile returns the name of the image's file.
func (r *release) imageFile() string { return "healthprobe_" + r.version + "_image.tar" }

// checkImage wants the image to have each platform of the archives once, with the
// same programs.
func checkImage(r *release) (string, error) {
	var want []string
	for _, a := range r.archives {
		if a.os == "linux" {
			want = append(want, a.arch)
		}
	}
	content, ok := r.files[r.imageFile()]
	if !ok && len(want) == 0 {
		return "none, for there is no archive for Linux", nil
	}
	layout, err := unpack(content)
	if err != nil {
		return "", fmt.Errorf("%s: %w", r.imageFile(), err)
	}
	for name, blob := range layout {
		dir, sum := filepath.Split(name)
		if strings.HasSuffix(dir, "blobs/sha256/") && fmt.Sprintf("%x", sha256.Sum256(blob)) != sum {
			return "", fmt.Errorf("the content of %s has another checksum", name)
		}
	}
	// index.json names one index, which names the images.
	var top, index struct{ Manifests []descriptor }
	if err := json.Unmarshal(layout["./index.json"], &top); err != nil || len(top.Manifests) != 1 {
		return "", fmt.Errorf("index.json names %d images, want one index: %v", len(top.Manifests), err)
	}
	if err := decode(layout, top.Manifests[0], &index); err != nil {
		return "", err
	}
	var got []string
	for _, image := range index.Manifests {
		p := image.Platform
		arch := p.Architecture + p.Variant
		got = append(got, arch)
		i := slices.IndexFunc(r.archives, func(a archive) bool { return a.os == p.OS && a.arch == arch })
		if i < 0 {
			return "", fmt.Errorf("there is an image for %s/%s, and no archive", p.OS, arch)
		}
		if err := r.checkPlatform(layout, image, r.archives[i]); err != nil {
			return "", fmt.Errorf("the image for %s/%s: %w", p.OS, arch, err)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		return "", fmt.Errorf("the image is for %q, want each of %q once", got, want)
	}
	return fmt.Sprintf("%d platforms, digest %s", len(got), top.Manifests[0].Digest), nil
}

// checkPlatform checks the image for one platform.
func (r *release) checkPlatform(layout map[string][]byte, image descriptor, a archive) error {
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	var config struct {
		OS, Architecture, Variant string
		Config                    struct {
			User       string
			Entrypoint []string
			Labels     map[string]string
		}
	}
	if err := decode(layout, image, &manifest); err != nil {
		return err
	}
	if err := decode(layout, manifest.Config, &config); err != nil {
		return err
	}
	const label = "org.opencontainers.image."
	for _, c := range []struct{ what, got, want string }{
		{"platform", config.OS + "_" + config.Architecture + config.Variant, a.os + "_" + a.arch},
		{"user", config.Config.User, "65532:65532"},
		{"entrypoint", strings.Join(config.Config.Entrypoint, " "), "/healthctl"},
		{"version", config.Config.Labels[label+"version"], r.version},
		{"revision", config.Config.Labels[label+"revision"], r.commit},
		{"source", config.Config.Labels[label+"source"], "https://" + module},
		{"number of layers", fmt.Sprint(len(manifest.Layers)), "1"},
	} {
		if c.got != c.want {
			return fmt.Errorf("its %s is %q, want %q", c.what, c.got, c.want)
		}
	}
	files, err := unpack(layout[blob(manifest.Layers[0])])
	if err != nil {
		return err
	}
	if err := wantFiles(files, "healthctl", "healthprobe"); err != nil {
		return err
	}
	for name, content := range files {
		if string(content) != string(a.programs[name]) {
			return fmt.Errorf("%s is not that of the archive", name)
		}
	}
	return nil
}

func blob(d descriptor) string { return "./blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

func decode(layout map[string][]byte, d descriptor, v any) error {
	content, ok := layout[blob(d)]
	if !ok {
		return fmt.Errorf("the layout lacks %s", d.Digest)
	}
	return json.Unmarshal(content, v)
}

// checkContainer has podman, which reads OCI layouts, run both programs of the image.
func checkContainer(r *release) (string, error) {
	if !r.rebuilt {
		return "", errNotRebuilt
	}
	if _, err := exec.LookPath("podman"); err != nil {
		return "", unchecked{err}
	}
	if !slices.ContainsFunc(r.archives, func(a archive) bool { return a.os == "linux" && a.arch == runtime.GOARCH }) {
		return "", unchecked{errors.New("there is no image for " + runtime.GOARCH)}
	}
	dist, err := filepath.Abs(r.dir)
	if err != nil {
		return "", err
	}
	for program, entry := range map[string]string{"healthprobe": "direct", "healthctl": "runtime"} {
		cmd := exec.Command("podman", "--root="+r.tmp+"/root", "--runroot="+r.tmp+"/runroot", "--storage-driver=vfs", "--events-backend=file",
			"run", "--quiet", "--rm", "--network=none", "--read-only", "--cap-drop=all", "--entrypoint=/"+program,
			"oci-archive:"+filepath.Join(dist, r.imageFile()), "-version")
		cmd.Env = append(os.Environ(), "TMPDIR="+r.tmp)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if want := r.says(program, runtime.GOARCH, entry); err != nil || string(out) != want {
			return "", fmt.Errorf("%v says %q, %v, want %q\n%s", cmd, out, err, want, errs.String())
		}
	}
	return "podman runs both programs", nil
}
