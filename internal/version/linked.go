//go:build healthprobe_direct

package version

// The direct entry cannot read what the go command has recorded: the runtime makes
// that available when it starts. So build.sh makes the linker set the same here.
var version, commit string

func build() (string, string) { return version, commit }
