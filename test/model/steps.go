package model

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed steps.txt
var table string

// Run is one run of a command or of the probe, in the words of steps.txt.
type Run struct {
	Name  string
	Steps []string // such as "rename error"; a probe's last one is its verdict

	script []string // the words of the line "model": what happens before
	shown  []string // and what the steps are of
}

// Runs returns the table, in order, and the steps of the programs that the model
// leaves out.
func Runs() (runs []Run, leftOut map[string]bool, err error) {
	leftOut = map[string]bool{}
	for n, line := range strings.Split(table, "\n") {
		text := strings.TrimSpace(line)
		var run *Run
		if len(runs) > 0 {
			run = &runs[len(runs)-1]
		}
		before, after, found := strings.Cut(text, " | ")
		switch {
		case text == "" || strings.HasPrefix(text, "//"):
		case strings.HasPrefix(text, "- "):
			step, _, _ := strings.Cut(text[2:], ":")
			leftOut[step] = true
		case strings.HasPrefix(text, "# "):
			runs = append(runs, Run{Name: text[2:]})
		case run != nil && strings.HasPrefix(text, "model ") && found:
			run.script, run.shown = strings.Fields(before)[1:], strings.Fields(after)
		case run != nil && line != text:
			run.Steps = append(run.Steps, strings.Split(strings.TrimSuffix(text, ","), ", ")...)
		default:
			return nil, nil, fmt.Errorf("steps.txt:%d: %q", n+1, line)
		}
	}
	return runs, leftOut, nil
}
