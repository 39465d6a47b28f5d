package engines

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclsimple"
)

func TestNomad(t *testing.T) {
	verify(t, read(t, "examples/web.nomad.hcl"), checkNomad, []mistake{
		{"check_restart {", "check_restart {{", "block definition required"},
		{"check_restart {", "restart_check {", "restart_check"},
		{"interval = ", "intervall = ", `"interval" is required`},
		{"type     =", "pace = 1\ntype =", `"pace" is not expected`},
		{"limit           = 3", "", "limit"},
		{"limit           = 3", "limit           = 0", "limit"}, // 0 switches restarts off
		{"   ignore_warnings = false", "ignore_warnings = true", "ignore_warnings"},
		{"   ignore_warnings = false", "", "ignore_warnings"},
		{`provider = "consul"`, `provider = "nomad"`, "consul"}, // it has no script checks
		{`type     = "script"`, `type     = "tcp"`, "script"},
		{`["-live"]`, `[]`, "-live"},
		{`["-live"]`, `"-live"`, "list of string"},
		{`"/healthprobe"`, `"/bin/sh"`, "/bin/sh"},
		{`"10s"`, `"10"`, "interval"},
		{`"5s"`, `"500ms"`, "timeout"},
		{`"60s"`, `"soon"`, "grace"},
	})
}

// A job has what the recipe uses of Nomad's job specification. All else is an error.
type job struct {
	Name  string `hcl:"name,label"`
	Group struct {
		Name string `hcl:"name,label"`
		Task struct {
			Name   string `hcl:"name,label"`
			Driver string `hcl:"driver"`
			Config struct {
				Image string `hcl:"image"`
				Mount struct {
					Type   string `hcl:"type"`
					Target string `hcl:"target"`
				} `hcl:"mount,block"`
			} `hcl:"config,block"`
			Env struct {
				Unit string `hcl:"LIVENESS_UNIT_NAME"`
			} `hcl:"env,block"`
			Service struct {
				Name     string `hcl:"name"`
				Provider string `hcl:"provider"`
				Check    struct {
					Type     string   `hcl:"type"`
					Command  string   `hcl:"command"`
					Args     []string `hcl:"args"`
					Interval string   `hcl:"interval"`
					Timeout  string   `hcl:"timeout"`
					Restart  struct {
						Limit          int    `hcl:"limit"`
						Grace          string `hcl:"grace"`
						IgnoreWarnings bool   `hcl:"ignore_warnings"`
					} `hcl:"check_restart,block"`
				} `hcl:"check,block"`
			} `hcl:"service,block"`
		} `hcl:"task,block"`
	} `hcl:"group,block"`
}

func checkNomad(text string) error {
	var file struct {
		Job job `hcl:"job,block"`
	}
	if err := hclsimple.Decode("web.nomad.hcl", []byte(text), nil, &file); err != nil {
		return err
	}
	service := file.Job.Group.Task.Service
	check := service.Check
	if service.Provider != "consul" || check.Type != "script" {
		return errors.New("only consul has checks of the type script")
	}
	// Exit status 1 is a warning, and the probe has no other.
	if check.Restart.IgnoreWarnings || check.Restart.Limit < 1 {
		return errors.New("without ignore_warnings = false and a limit nothing restarts the task")
	}
	for name, value := range map[string]string{
		"interval": check.Interval, "timeout": check.Timeout, "grace": check.Restart.Grace,
	} {
		if d, err := time.ParseDuration(value); err != nil || d < time.Second {
			return fmt.Errorf("%s must be at least a second: %q", name, value)
		}
	}
	return checkCommand(append([]string{check.Command}, check.Args...), true)
}
