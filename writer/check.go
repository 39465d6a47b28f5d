package writer

import (
	"context"
	"errors"
	"fmt"
)

// Check is something that must be in order before the application starts.
type Check struct {
	Name string // how a CheckError names it
	// Run returns nil to pass, ErrUnhealthy to say just "no", or any other error,
	// which Load passes on.
	Run func(context.Context) error
}

// runChecks runs the checks in order. The first failure, or the end of ctx, ends it.
func runChecks(ctx context.Context, unit string, checks []Check) error {
	for _, check := range checks {
		if err := ctx.Err(); err != nil {
			return &CheckError{unit, check.Name, fmt.Errorf("not run: %w", err)}
		}
		if check.Run == nil {
			return &CheckError{unit, check.Name, errors.New("it has no Run function")}
		}
		if err := check.Run(ctx); err != nil {
			return &CheckError{unit, check.Name, err}
		}
	}
	return ctx.Err()
}
