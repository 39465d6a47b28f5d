package engines

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TestDockerfiles reads every Dockerfile of the documents, and the project's own.
func TestDockerfiles(t *testing.T) {
	files := []string{read(t, "Dockerfile.scratch")}
	for _, texts := range blocks(t, "dockerfile") {
		files = append(files, texts...)
	}
	for _, text := range files {
		if _, err := parseDockerfile(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestHealthcheck checks the recipe of docs/engines.md, which asks early and often during the start.
func TestHealthcheck(t *testing.T) {
	recipes := blocks(t, "dockerfile")["docs/engines.md"]
	if len(recipes) != 1 {
		t.Fatalf("docs/engines.md has %d Dockerfiles: it has changed, and this test must follow", len(recipes))
	}
	verify(t, recipes[0], checkHealthcheck, []mistake{
		{"HEALTHCHECK", "HEALTCHECK", "HEALTCHECK"},
		{"--start-interval", "--start-intervall", "start-intervall"},
		{"--start-interval=1s", "--start-interval=1", "missing unit"},
		{"--start-interval=1s", "", "start interval"},
		{"--start-interval=1s", "--start-interval=20s", "start interval"},
		{"--start-period=30s", "", "start period"},
		{`CMD ["/healthprobe"]`, "CMD /healthprobe", "CMD-SHELL"},
		{`["/healthprobe"]`, `["/healthprobe", "-live"]`, "-live"},
		{`["/healthprobe"]`, `['/healthprobe']`, "CMD-SHELL"},
	})
}

func checkHealthcheck(text string) error {
	checks, err := parseDockerfile(text)
	if err != nil {
		return err
	}
	if len(checks) != 1 {
		return fmt.Errorf("there are %d HEALTHCHECKs", len(checks))
	}
	check := checks[0].Health
	// Without a start period Docker never uses the start interval.
	if check.StartPeriod == 0 {
		return errors.New("there is no start period")
	}
	if check.StartInterval == 0 || check.StartInterval >= check.Interval || check.StartInterval >= check.StartPeriod {
		return fmt.Errorf("a start interval of %v does not make the first check come early", check.StartInterval)
	}
	return checkCommand(check.Test[1:], false)
}

// parseDockerfile returns the HEALTHCHECKs of a Dockerfile, or of a part of one. All must be in exec form.
func parseDockerfile(text string) ([]*instructions.HealthCheckCommand, error) {
	if !strings.Contains(text, "FROM ") {
		text = "FROM scratch\n" + text
	}
	file, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(file.AST, nil)
	if err != nil {
		return nil, err
	}
	var checks []*instructions.HealthCheckCommand
	for _, stage := range stages {
		for _, command := range stage.Commands {
			check, ok := command.(*instructions.HealthCheckCommand)
			if !ok {
				continue
			}
			if check.Health.Test[0] != "CMD" {
				return nil, fmt.Errorf("%q needs a shell", check.Health.Test)
			}
			checks = append(checks, check)
		}
	}
	return checks, nil
}
