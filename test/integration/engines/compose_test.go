package engines

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func TestComposeExample(t *testing.T) {
	verify(t, read(t, "examples/compose.yaml"), func(text string) error {
		_, err := checkCompose(text)
		return err
	}, []mistake{
		{"healthcheck:", "health_check:", "health_check"},
		{"retries: 3", "retires: 3", "retires"},
		{"condition: service_healthy", "condition: service_well", "condition"},
		{"condition: service_healthy", "condition: service_started", "service_started"},
		{`["CMD", "/healthprobe"]`, `["CMD-SHELL", "/healthprobe"]`, "CMD-SHELL"},
		{`["CMD", "/healthprobe"]`, `/healthprobe`, "CMD-SHELL"},
		{`["CMD", "/healthprobe"]`, `["/healthprobe"]`, `must start either by "CMD"`},
		{`["CMD", "/tools/healthprobe"]`, `["CMD", "/tools/healthprobe", "-live"]`, "-live"},
		{"      worker:\n        condition", "      walker:\n        condition", "walker"},
	})
}

// TestCompose checks the file in docs/engines.md, which asks early and often during the start.
func TestCompose(t *testing.T) {
	var files []string
	for _, texts := range blocks(t, "yaml") {
		for _, text := range texts {
			if strings.HasPrefix(text, "services:\n") {
				files = append(files, text)
			}
		}
	}
	if len(files) != 1 {
		t.Fatalf("the documents have %d Compose files: they have changed, and this test must follow", len(files))
	}
	verify(t, files[0], func(text string) error {
		early, err := checkCompose(text)
		if err == nil && early == 0 {
			err = fmt.Errorf("no service has a start_interval")
		}
		return err
	}, []mistake{
		{"start_interval: 1s", "start_intervall: 1s", "start_intervall"},
		{"start_interval: 1s", "start_interval: 1", "start_interval"},
		{"start_interval: 1s", "start_interval: 20s", "start_interval"},
		{"start_interval: 1s", "retries: 3", "start_interval"},
		{"start_period: 30s", "retries: 3", "start_period"},
		{"condition: service_healthy", "condition: service_started", "service_started"},
		{`"CMD"`, `"CMD-SHELL"`, "CMD-SHELL"},
	})
}

// checkCompose returns how many services of a Compose file have a start_interval.
func checkCompose(text string) (early int, err error) {
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  root + "examples",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
	}, func(o *loader.Options) { o.SetProjectName("example", true) })
	if err != nil {
		return 0, err
	}
	for name, service := range project.Services {
		for on, dependency := range service.DependsOn {
			want := types.ServiceConditionCompletedSuccessfully
			if project.Services[on].HealthCheck != nil {
				want = types.ServiceConditionHealthy
			}
			if dependency.Condition != want {
				return 0, fmt.Errorf("%s waits for %s until %s, not %s", name, on, dependency.Condition, want)
			}
		}
		check := service.HealthCheck
		if check == nil {
			continue
		}
		if len(check.Test) < 2 || check.Test[0] != "CMD" {
			return 0, fmt.Errorf("%s: %q is not in exec form", name, check.Test)
		}
		command := append([]string{strings.TrimPrefix(check.Test[1], "/tools")}, check.Test[2:]...)
		if err := checkCommand(command, false); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if check.StartInterval == nil {
			continue
		}
		early++
		// Compose refuses the one without the other, because Docker does not use it then.
		if check.StartPeriod == nil {
			return 0, fmt.Errorf("%s has a start_interval, and no start_period", name)
		}
		if check.Interval == nil || *check.StartInterval >= *check.Interval || *check.StartInterval >= *check.StartPeriod {
			return 0, fmt.Errorf("%s: start_interval does not make the first check come early", name)
		}
	}
	return early, nil
}
