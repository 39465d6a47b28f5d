package engines

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containers/podman/v5/pkg/systemd/parser"
	"github.com/containers/podman/v5/pkg/systemd/quadlet"
)

func TestQuadlet(t *testing.T) {
	t.Log("read by the generator of the podman in go.mod: that of Debian 12 has none")
	verify(t, read(t, "examples/web.container"), checkQuadlet, []mistake{
		{"HealthCmd=", "HealthCmnd=", "unsupported key 'HealthCmnd'"},
		{"[Container]", "[Containr]", "Containr"},
		{"[Install]", "[Instal]", "Instal"},
		{"Image=", "Imagine=", "Imagine"},
		{"HealthRetries=3", "HealthRetries", "HealthRetries"},
		{`HealthCmd=["/healthprobe", "-live"]`, "", "no --health-cmd"},
		{`["/healthprobe", "-live"]`, "/healthprobe -live", "in a shell"},
		{`["/healthprobe", "-live"]`, "['/healthprobe', '-live']", "in a shell"},
		{`["/healthprobe", "-live"]`, `["CMD-SHELL", "/healthprobe -live"]`, "in a shell"},
		{`["/healthprobe", "-live"]`, `["CMD", "/healthprobe", "-live"]`, "in a shell"},
		{`["/healthprobe", "-live"]`, `["/healthprobe"]`, "in a shell"},
		{`"-live"`, `"-v"`, "-live"},
		{"HealthOnFailure=kill", "", "--health-on-failure"},
		{"HealthOnFailure=kill", "HealthOnFailure=restart", "--health-on-failure"},
		{"Restart=always", "", "Restart"},
	})
}

func checkQuadlet(text string) error {
	unit := parser.NewUnitFile()
	unit.Filename = "web.container"
	if err := unit.Parse(text); err != nil {
		return err
	}
	// The generator leaves other sections to systemd, which passes over those that it does not know.
	for _, section := range unit.ListGroups() {
		if !slices.Contains([]string{"Unit", "Container", "Service", "Install"}, section) {
			return fmt.Errorf("there is no section %s", section)
		}
	}
	units := map[string]*quadlet.UnitInfo{unit.Filename: {ServiceName: "web"}}
	service, warnings, err := quadlet.ConvertContainer(unit, units, false)
	if err := errors.Join(err, warnings); err != nil {
		return err
	}
	// What the unit makes systemd run.
	command, _, err := service.LookupLastArgs("Service", "ExecStart")
	if err != nil {
		return err
	}
	option := func(name string) string {
		if i := slices.Index(command, name); i >= 0 && i+1 < len(command) {
			return command[i+1]
		}
		return ""
	}
	health := option("--health-cmd")
	if health == "" {
		return fmt.Errorf("no --health-cmd in %q", command)
	}
	// podman kills an unhealthy container, and systemd starts it again.
	if action := option("--health-on-failure"); action != "kill" {
		return fmt.Errorf("--health-on-failure is %q", action)
	}
	if restart, _ := service.Lookup("Service", "Restart"); restart != "always" {
		return fmt.Errorf("Restart is %q", restart)
	}
	argv, err := podmanCommand(health)
	if err != nil {
		return err
	}
	return checkCommand(argv, true)
}

// podmanCommand returns what podman runs for a --health-cmd. It gives all to a shell but a JSON list of two
// or more, and words after CMD. CMD inside of a list is an error too: podman 4 takes the list for words.
func podmanCommand(health string) ([]string, error) {
	var argv []string
	if json.Unmarshal([]byte(health), &argv) == nil && len(argv) > 1 && !strings.HasPrefix(argv[0], "CMD") {
		return argv, nil
	}
	if words := strings.Fields(health); len(words) > 1 && words[0] == "CMD" {
		return words[1:], nil
	}
	return nil, fmt.Errorf("podman runs %s in a shell", health)
}

// TestPodmanRun checks the command line of docs/engines.md.
func TestPodmanRun(t *testing.T) {
	for _, text := range blocks(t, "sh")["docs/engines.md"] {
		if !strings.HasPrefix(text, "podman run ") {
			continue
		}
		verify(t, text, func(text string) error {
			option := regexp.MustCompile(`--health-cmd '([^']*)'`).FindStringSubmatch(text)
			if option == nil {
				return errors.New("no --health-cmd")
			}
			argv, err := podmanCommand(option[1])
			if err != nil {
				return err
			}
			return checkCommand(argv, false)
		}, []mistake{
			{"--health-cmd", "--health-command", "no --health-cmd"},
			{"CMD /healthprobe", `["/healthprobe"]`, "in a shell"},
			{"CMD /healthprobe", "/healthprobe", "in a shell"},
			{"CMD /healthprobe", "CMD-SHELL /healthprobe", "in a shell"},
			{"CMD /healthprobe", "CMD /healthprobe -live", "-live"},
		})
		return
	}
	t.Error("docs/engines.md has no podman run: it has changed, and this test must follow")
}
