package engines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func TestECS(t *testing.T) {
	verify(t, read(t, "examples/ecs.json"), checkECS, []mistake{
		{`"startPeriod"`, `"startDelay"`, `unknown field "startDelay"`},
		{`"retries": 3`, `"retries": "3"`, "cannot unmarshal string"},
		{`"healthCheck"`, `"healthcheck"`, "the SDK would send"},
		{`"family": "web",`, "", "Family"}, // the SDK's own validation
		{"\n  ]\n}", "\n  ]\n} {}", "more than one"},
		{`"command": ["CMD", "/healthprobe", "-live"],`, "", "Command"},
		{`"healthCheck": {`, `"healthCheck": null, "dockerLabels": {`, "cannot unmarshal"},
		{`"CMD"`, `"CMD-SHELL"`, "CMD-SHELL"},
		{`"CMD", `, ``, "CMD"},
		{`"CMD", "/healthprobe", "-live"`, ``, "CMD"},
		{`, "-live"`, ``, "-live"},
		{`"interval": 10`, `"interval": 4`, "interval"},
		{`"interval": 10,`, ``, "interval"},
		{`"timeout": 5`, `"timeout": 61`, "timeout"},
		{`"retries": 3`, `"retries": 11`, "retries"},
		{`"startPeriod": 60`, `"startPeriod": 301`, "startPeriod"},
	})
}

func checkECS(text string) error {
	var task ecs.RegisterTaskDefinitionInput
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&task); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	if err := checkSent(text, &task); err != nil {
		return err
	}
	for _, container := range task.ContainerDefinitions {
		check := container.HealthCheck
		if check == nil {
			return fmt.Errorf("container %s has no health check", aws.ToString(container.Name))
		}
		if len(check.Command) == 0 || check.Command[0] != "CMD" {
			return fmt.Errorf("the command %q does not begin with CMD", check.Command)
		}
		if err := checkCommand(check.Command[1:], true); err != nil {
			return err
		}
		// The limits are in the comments of the type HealthCheck, and the API enforces them.
		for _, limit := range []struct {
			name     string
			value    *int32
			min, max int32
		}{
			{"interval", check.Interval, 5, 300},
			{"timeout", check.Timeout, 2, 60},
			{"retries", check.Retries, 1, 10},
			{"startPeriod", check.StartPeriod, 0, 300},
		} {
			if limit.value == nil || *limit.value < limit.min || *limit.value > limit.max {
				return fmt.Errorf("%s must be from %d to %d", limit.name, limit.min, limit.max)
			}
		}
	}
	return nil
}

// checkSent wants the file to be, name by name, what the SDK sends for it. Package json takes names in any
// case, and the API does not. The SDK also refuses a request that lacks something.
func checkSent(text string, task *ecs.RegisterTaskDefinitionInput) error {
	var body []byte
	client := ecs.New(ecs.Options{
		Region:      "eu-central-1",
		Credentials: aws.AnonymousCredentials{},
		HTTPClient: transport(func(r *http.Request) (*http.Response, error) { // in place of a network
			var err error
			body, err = io.ReadAll(r.Body)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, err
		}),
	})
	if _, err := client.RegisterTaskDefinition(context.Background(), task); err != nil {
		return err
	}
	var file, sent any
	if err := errors.Join(json.Unmarshal([]byte(text), &file), json.Unmarshal(body, &sent)); err != nil {
		return err
	}
	if !reflect.DeepEqual(file, sent) {
		return fmt.Errorf("the SDK would send %s", body)
	}
	return nil
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(r *http.Request) (*http.Response, error) { return t(r) }
